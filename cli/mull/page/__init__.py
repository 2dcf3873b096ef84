"""A session as one page of HTML for a browser: nothing is loaded, nothing runs, everything of the conversation is
escaped."""
