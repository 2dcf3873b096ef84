"""What names mean by their spelling: model references, quantizations and parts in file names. No disk, no network."""
