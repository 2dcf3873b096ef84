"""docs/reasoning.md: how thinking is controlled, with a table of families generated from measured data.

    python -m docgen.families                  writes the page from docs/families.json
    python -m docgen.families --check          fails when the page is stale
    python -m docgen.families --measure DIR…   profiles the templates in these folders into docs/families.json

The templates themselves are not part of the project; the measured facts are. A row is replaced when its family is
measured again; all other rows, and the version in which a family was first measured, stay.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mull import __version__
from mull.reasoning import describe
from mull.reasoning.control import MINIMUM_BUDGET
from mull.reasoning.profile import Profile
from mull.reasoning.profiler import profile
from mull.reasoning.switches import BUDGETS

DOCS = Path(__file__).parents[2] / "docs"
DATA, PAGE = DOCS / "families.json", DOCS / "reasoning.md"

# Maps the beginning of a published template's file name to the name of its family in the table.
FAMILIES = {
    "Apertus": "Apertus",
    "Apriel-1.6": "Apriel 1.6",
    "Bielik": "Bielik 3",
    "ByteDance-Seed-OSS": "Seed-OSS",
    "Cohere2MoE": "Cohere2 MoE",
    "CohereForAI-c4ai-command-a": "Command A",
    "CohereForAI-c4ai-command-r7b": "Command R7B",
    "CohereForAI-c4ai-command-r-plus": "Command R+",
    "EXAONE-4": "EXAONE 4",
    "Falcon-H1": "Falcon H1",
    "GLM-4.6": "GLM 4.5, 4.6",
    "GLM-4.7": "GLM 4.7",
    "GigaChat": "GigaChat 3",
    "HuggingFaceTB-SmolLM3": "SmolLM3",
    "Idefics3": "Idefics 3",
    "Jamba": "Jamba",
    "Kimi-K2-Instruct": "Kimi K2",
    "Kimi-K2-Thinking": "Kimi K2 Thinking",
    "Kimi-K3": "Kimi K3",
    "LFM2-": "LFM2",
    "LFM2.5": "LFM2.5",
    "MiMo-VL": "MiMo-VL",
    "MiniMax-M1": "MiniMax M1",
    "MiniMax-M2": "MiniMax M2",
    "MiniMax-M3": "MiniMax M3",
    "Mistral-Small": "Mistral Small",
    "NVIDIA-Nemotron-3-Super": "Nemotron 3 Super",
    "NVIDIA-Nemotron-3-Ultra": "Nemotron 3 Ultra",
    "NVIDIA-Nemotron-3": "Nemotron 3",
    "NVIDIA-Nemotron-Nano-v2": "Nemotron Nano 2",
    "NousResearch-Hermes": "Hermes 2, 3",
    "Phi-4-reasoning": "Phi 4 reasoning",
    "Qwen-QwQ": "QwQ (template patched for llama.cpp)",
    "Qwen-Qwen2.5": "Qwen 2.5",
    "Qwen-Qwen3": "Qwen3",
    "Qwen3-Coder": "Qwen3 Coder",
    "Qwen3-Instruct-2507": "Qwen3 Instruct 2507",
    "Qwen3-Thinking-2507": "Qwen3 Thinking 2507",
    "Qwen3.5": "Qwen 3.5",
    "Qwen3.6": "Qwen 3.6",
    "Qwen3.8": "Qwen 3.8",
    "Reka": "Reka Edge",
    "SmolVLM": "SmolVLM",
    "Spark": "Spark 2.5",
    "StepFun": "Step 3.5",
    "deepseek-ai-DeepSeek-R1-Distill-Llama": "DeepSeek R1 distilled",
    "deepseek-ai-DeepSeek-R1-Distill-Qwen": "DeepSeek R1 distilled (template patched for llama.cpp)",
    "deepseek-ai-DeepSeek-V3.1": "DeepSeek V3.1",
    "deepseek-ai-DeepSeek-V3.2": "DeepSeek V3.2",
    "deepseek-ai-DeepSeek-V4-Flash": "DeepSeek V4 Flash",
    "deepseek-ai-DeepSeek-V4": "DeepSeek V4",
    "fireworks-ai-llama-3-firefunction": "Firefunction",
    "google-gemma-2": "Gemma 2",
    "google-gemma-3": "Gemma 3",
    "google-gemma-4": "Gemma 4",
    "ibm-granite-granite-3.3": "Granite 3.3",
    "ibm-granite-granite-4": "Granite 4",
    "inclusionai-ling": "Ling 3",
    "llama-cpp-deepseek-r1": "DeepSeek R1",
    "llama-cpp-rwkv": "RWKV",
    "meetkai-functionary": "Functionary",
    "meta-llama": "Llama 3",
    "microsoft-Phi-3.5": "Phi 3.5",
    "mistralai-Ministral": "Ministral 3 Reasoning",
    "mistralai-Mistral-Nemo": "Mistral Nemo",
    "moonshotai-Kimi-K2": "Kimi K2",
    "muse-glimmer": "Muse Glimmer",
    "openai-gpt-oss": "gpt-oss",
    "openbmb-MiniCPM5": "MiniCPM5",
    "poolside-Laguna-S-": "Laguna S",
    "poolside-Laguna-XS": "Laguna XS",
    "tencent-Hy3": "Hy3",
    "unsloth-Apriel-1.5": "Apriel 1.5",
    "unsloth-mistral-Devstral": "Devstral Small",
    "upstage-Solar": "Solar Open",
}

TOKENS = " / ".join(map(str, BUDGETS.values()))
INTRO = f"""# Thinking

Many open models think before they answer. `mull` gives you control over a model's reasoning: turn it on or off, cap it,
watch it live, cut it short; it never ends up in the output.

| flag | effect |
| --- | --- |
| `--reason`, `--no-reason` | think, or don't; without either, the model's own default |
| `--effort low\\|medium\\|high` | how much to think: the family's own control, else a budget of {TOKENS} tokens |
| `--think-budget N` | at most N tokens of thinking; then it is closed cleanly and the answer begins |
| `--thinking auto\\|show\\|fold\\|hide` | how thinking is displayed, independent of whether it happens |

## What off means

Each family has its own mechanism, and `mull` finds it in the chat template that comes with the model: it renders the
template with small probes and compares the results. So it works for unlisted models too. A few facts that no
template shows are stored in `mull`, each with its source.

Off is one of these, and `mull inspect FILE` shows which:

* **template**: an argument of the template. Most of these put an empty thinking block into the prompt.
* **text**: a word in a message that the model was trained to obey.
* **prefill**: `mull` starts the answer itself, where that is known to work.
* **cannot**: the model always thinks. Then `mull` reports it in one line on stderr, allows {MINIMUM_BUDGET} tokens of
  thinking, and hides them. The JSON result always contains what was asked, what was applied, and how.

A switch word that you type counts like the flag: `/no_think`, `/nothink` or `/think` at the beginning or the end of a
message, alone on a line, or anywhere in the system prompt; also a family's own words (`detailed thinking off`). The
most recent one counts, in the newest message first and in the system prompt last; a flag beats it. Where the model has
no such switch, `mull` says so in one line.

An answer that is wrapped as a whole (`<answer>…</answer>`) loses the wrapper, unless your messages spell that tag.

Thinking that appears although it was switched off is still split off. For a model whose template says nothing about
thinking, `mull` watches the output: what the model marks as thinking at its start is split off too.

## Ending the thinking

When a budget is used up, or you press Tab in the chat, `mull` closes the thinking the way the family does, after one
short sentence, and the model answers in the same stream. gpt-oss is moved into its final channel, since it would
otherwise start another analysis. The sentence and the tags are not counted as thinking. A budget of 0 asks for no
thinking at all, like `--no-reason`.

## Thinking of earlier turns

The thinking of earlier turns is passed to the template in the field that the template reads, or in parts of the content
where the template expects it there. The template includes it or, mostly, drops it. It stays in your session either way.

## Pasted text stays text

A prompt consists of the template's markers with texts between them. `mull` tracks which characters came from the
template. A marker spelled in your text, in a file, in a system prompt or in an earlier answer reaches the model as
plain letters, never as the marker itself. Templates run in a sandbox with limits on time and memory.

## Checking it yourself

```sh
mull inspect model.gguf                    # what it is, and what off really does
mull inspect chat_template.jinja --json
mull inspect model.gguf --render messages.json --no-reason    # the exact prompt
mull inspect model.gguf --parse < raw-output.txt              # thinking and answer
```

## Is it worth it?

```sh
mull eval                                  # forty small questions with and without thinking
mull eval mine.jsonl --modes off,low,high  # your own: {{"prompt": "…", "answer": …}} per line
```

`mull eval` shows for each mode how many answers were right, and how many tokens and seconds they took;
`--wrong` lists the wrong ones, `--json` contains everything. Ctrl+C shows what was finished by then.
An answer is right when its last number, the numbers of
its last line, or consecutive words of its last line match the expected answer: no model judges another. The questions
are decoded in parallel, as in `mull batch`, and sampled with seed 0 unless `--seed` says otherwise.

## Families

Measured from the published templates. The words after a switch say what the prompt then ends with: thinking *opened*,
an *empty block* of it, or a *bare end* tag; without a word the model does everything itself. `–`: nothing to pass.
*Budget*: the tokens above. The version is that of `mull` in which the row was first measured.

"""


def family_of(stem: str) -> str | None:
    """The family of a template's file name: the one with the longest matching prefix, None where there is none."""
    fitting = [begin for begin in FAMILIES if stem.startswith(begin)]
    return FAMILIES[max(fitting, key=len)] if fitting else None


def measure(folders: Iterable[Path]) -> tuple[list[dict[str, Any]], list[Path]]:
    """One row per family with a template in the folders, and the templates whose file name no family matches."""
    since = {row["family"]: row["since"] for row in load()}
    rows: dict[str, dict[str, Any]] = {}
    unknown = []
    for path in sorted(path for folder in folders for path in folder.glob("*.jinja")):
        family = family_of(path.stem)
        if family is None:
            unknown.append(path)
            continue
        found = profile(path.read_text(encoding="utf-8"), name=path.stem)
        rows[family] = {"family": family, **_row(found), "since": since.get(family, __version__)}
    return list(rows.values()), unknown


def merged(measured: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """The stored rows with the measured ones added, or put in their place; sorted by family."""
    rows = {row["family"]: row for row in (*load(), *measured)}
    return [rows[family] for family in sorted(rows, key=str.lower)]


FACTS = ("kind", "default", "switch", "switch_place", "prefill", "off", "effort_argument", "effort", "note")


def _row(found: Profile) -> dict[str, Any]:
    facts = describe.as_json(found)
    budgets = sorted(found.effort.budget, key=list(BUDGETS).index) if found.effort else []
    return {
        **{key: facts[key] for key in FACTS},
        "off_prefill": found.off_prefill.strip() or None,
        "effort_budget": budgets,
    }


def load() -> list[dict[str, Any]]:
    """The stored rows; none where there is no file yet."""
    if not DATA.is_file():
        return []
    rows: list[dict[str, Any]] = json.loads(DATA.read_text(encoding="utf-8"))
    return rows


PREFILLED = {"open": ", opened", "closed": ", empty block", "bare": ", bare end", "none": ""}


def page() -> str:
    """The page's text."""
    rows = load()
    lines = ["| family | default | on | off | effort | since |", "| --- | --- | --- | --- | --- | --- |"]
    for row in (row for row in rows if row["kind"] != "none"):
        cells = [row["family"], _default(row), _on(row), _off(row), _effort(row), row["since"]]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    without = ", ".join(row["family"] for row in rows if row["kind"] == "none")
    return INTRO + "\n".join(lines) + f"\n\nNo thinking in the templates of: {without}.\n"


def _default(row: dict[str, Any]) -> str:
    if row["kind"] in ("always", "effort"):
        return "always on"
    return {"on": "on", "off": "off", "none": "the model decides"}[row["default"]]


def _switch(row: dict[str, Any], position: str) -> str:
    switch, value = row["switch"], row["switch"][position]
    spelled = _spelled(value)
    prefilled = PREFILLED[row["prefill"][position]]
    if switch["argument"]:
        return f"`{switch['argument']}={spelled}`{prefilled}"
    if row["switch_place"] == "custom system":
        return "the default system prompt" if position == "on" else "a plain system prompt"
    return f"`{spelled}` in the text{prefilled}" if spelled else "–"


def _spelled(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _on(row: dict[str, Any]) -> str:
    return _switch(row, "on") if row["switch"] else "–"


def _off(row: dict[str, Any]) -> str:
    if row["off"] == "cannot":
        return "**cannot**"
    if row["off"] == "prefill":
        note = f" ({row['note']})" if row["note"] else ""
        return f"**prefill** `{row['off_prefill']}`{note}"
    return f"**{row['off']}** {_switch(row, 'off')}"


def _effort(row: dict[str, Any]) -> str:
    if not row["effort"]:
        return "budget"
    values = " / ".join(
        "–" if row["effort"][word] is None else f"`{_spelled(row['effort'][word])}`" for word in BUDGETS
    )
    with_budget = f", {' and '.join(row['effort_budget'])} with a budget" if row["effort_budget"] else ""
    return f"`{row['effort_argument']}`: {values}{with_budget}"


def main(arguments: list[str]) -> int:
    if "--measure" in arguments:
        rows, unknown = measure(Path(word) for word in arguments if not word.startswith("--"))
        DATA.write_text(json.dumps(merged(rows), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
        print(f"measured: {', '.join(row['family'] for row in rows) or 'nothing'}")
        for path in unknown:
            print(f"skipped, no entry in FAMILIES of cli/docgen/families.py matches its name: {path.name}")
    if "--check" in arguments:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == page():
            return 0
        print("docs/reasoning.md is stale: python -m docgen.families")
        return 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
