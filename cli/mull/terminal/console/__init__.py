"""The console: the three streams, styles, widths, tables, pager and clipboard."""
