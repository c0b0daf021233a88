//! Sets flags such as `ffmpeg_6_1` for the version of FFmpeg's libraries that the bindings were made
//! for; one module depends on it.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    for version in ["5_1", "6_0", "6_1", "7_0", "7_1", "8_0"] {
        println!("cargo:rustc-check-cfg=cfg(ffmpeg_{version})");
        if std::env::var(format!("DEP_FFMPEG_FFMPEG_{version}")).is_ok_and(|value| value == "true") {
            println!("cargo:rustc-cfg=ffmpeg_{version}");
        }
    }
}
