//! The Linux sandbox: namespace, mount, Landlock and seccomp plans as data, and the short executor that applies them.
