//! WebAuthn Level 3.
