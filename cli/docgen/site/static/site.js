// A browser lets no page opened as a file read another one, which the excerpts of search results need.
if (location.protocol === "file:") DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
