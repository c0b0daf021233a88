//! The command line: one file a subcommand, and the only place that names adapters.
