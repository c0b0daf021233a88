//! Is the output whole, and is it still the same film?
