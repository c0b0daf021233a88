//! Destinations: the port, and one folder for each platform.
