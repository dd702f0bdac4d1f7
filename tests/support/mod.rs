//! What the integration tests share: private daemons, virtual chips, a scratch directory.
