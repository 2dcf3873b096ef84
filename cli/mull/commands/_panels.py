"""The groups in which `--help` shows the options of a command that takes all of them."""

from __future__ import annotations

_PANELS = {
    "Model and context": "model ctx threads gpu_layers device kv_type lora draft no_draft chat_template no_cache "
    "keep_alive",
    "Prompt": "system files template params prefill",
    "Thinking": "reason effort think_budget thinking thinking_file",
    "Sampling": "max_tokens temperature top_k top_p min_p repeat_penalty presence_penalty frequency_penalty "
    "dry_multiplier seed stop loop_guard",
    "More samplers": "typical_p top_n_sigma xtc_probability xtc_threshold dynatemp_range dynatemp_exponent mirostat "
    "mirostat_tau mirostat_eta adaptive_target adaptive_decay logit_bias",
    "Answer format": "schema regex choice grammar lark format schema_prompt logprobs",
    "Conversation": "resume continue_answer session no_save",
    "Output": "json jsonl extract extract_last extract_lang output markdown math stats quiet",
}
"""The groups of a command's options in `--help`, for commands that take all of these; by the names of the fields."""
PANEL_OF = {name: panel for panel, names in _PANELS.items() for name in names.split()}
