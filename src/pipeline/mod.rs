//! The stages, wired together: discover, probe, assess, plan, fix, verify.
