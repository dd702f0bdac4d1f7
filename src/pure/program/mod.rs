//! The programme rules: a standing, a command and the time give a verdict; facts and the fold give a standing.
