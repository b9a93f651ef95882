//! A directory as the kubelet mounts it.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

/// A directory as the kubelet mounts a `ConfigMap` or a Secret: names that point through `..data`
/// into a directory that is replaced as a whole.
pub struct Volume {
    pub path: PathBuf,
    generation: AtomicU32,
}

// === impl Volume ===

impl Volume {
    pub fn new(path: PathBuf) -> Self {
        fs::create_dir_all(&path).expect("a scratch directory is writable");
        Self { path, generation: AtomicU32::new(0) }
    }

    pub fn put(&self, files: &[(&str, &str)]) {
        let generation = self.generation.fetch_add(1, Ordering::Relaxed);
        let directory = format!("..generation_{generation}");
        fs::create_dir(self.path.join(&directory)).expect("generations differ");
        for (name, content) in files {
            fs::write(self.path.join(&directory).join(name), content).expect("it is writable");
        }
        symlink(&directory, self.path.join("..data_tmp")).expect("it was renamed the last time");
        fs::rename(self.path.join("..data_tmp"), self.path.join("..data")).expect("same directory");
        for (name, _) in files {
            let link = self.path.join(name);
            if !link.is_symlink() {
                symlink(Path::new("..data").join(name), link).expect("there is none yet");
            }
        }
        // The kubelet removes the old generation at once, and so must whoever reads cope.
        if let Some(old) = generation.checked_sub(1) {
            let _ = fs::remove_dir_all(self.path.join(format!("..generation_{old}")));
        }
    }
}
