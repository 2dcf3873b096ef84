"""The Hugging Face Hub: listing, search, fit check and download."""
