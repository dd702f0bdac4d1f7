-- CRC-32C of rows that neither the chain nor a standing covers (`sums.rs` tells which columns). A row that was written before
-- has none and is read as it is.
ALTER TABLE card ADD COLUMN crc INTEGER;
ALTER TABLE customer ADD COLUMN crc INTEGER;
ALTER TABLE person ADD COLUMN crc INTEGER;
ALTER TABLE credential ADD COLUMN crc INTEGER;
ALTER TABLE idempotency ADD COLUMN crc INTEGER;
ALTER TABLE sale ADD COLUMN crc INTEGER;
