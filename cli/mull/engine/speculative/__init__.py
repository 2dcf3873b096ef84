"""Speculative decoding: drafts of the next tokens, which the model verifies in one batch.

`base.py` has the `Drafter` protocol, the costs of steps and the length of a draft that pays; drafters are
`prompt_lookup.py` (from the text itself), `draft_model.py` (by a small model) and `nextn.py` (by the model's own NextN
layer); `drafting.py` chooses for each request.
"""
