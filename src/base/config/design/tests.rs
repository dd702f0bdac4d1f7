//! Tables of designs: what is accepted, and what each wrong one is answered.
