//! A local stand-in for the platform's API.
