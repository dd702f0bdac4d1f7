//! Keys of every kind that people export, made by the `openssl` command, and signatures verified by it.
