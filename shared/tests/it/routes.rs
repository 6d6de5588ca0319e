//! Every row of the route table does what its columns say.
