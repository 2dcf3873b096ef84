"""The Hugging Face Hub: listing, searching, judging and downloading repositories."""
