//! Latchkey at the edge.
