//! What a destination allows, as data.
