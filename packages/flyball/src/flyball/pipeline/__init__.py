"""The conveyor: the write-ahead log that acknowledges, the runner that moves batches, the meter that counts."""
