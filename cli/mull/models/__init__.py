"""Model files: on the disk, on the Hub, in the catalogue; and what fits this machine."""
