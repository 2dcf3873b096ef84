"""What every connection of mull shares, to the Hugging Face Hub as to an endpoint: the variables that name proxies."""
