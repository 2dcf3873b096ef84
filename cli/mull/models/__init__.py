"""Models: what their names mean, which ones are known and installed, what they need, and how they are downloaded.

The layers, each of which imports only those before it:

1. `naming` (references and file names), `gguf` (headers), `builtin` (what pebble is asked)
2. `disk` (the Hugging Face cache, other tools' folders), `memory` (does a model fit this machine)
3. `catalogue` (known models, recommendations)
4. the modules of this folder: `resolve`, `inventory`, `card`, `verify`, `remove`
5. `hub` (listing, search, download)
"""
