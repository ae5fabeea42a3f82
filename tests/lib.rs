//! Nothing: the tests are in the integration binary.
