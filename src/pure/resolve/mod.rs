//! Token and facts looked up: which card, or a refusal.
