"""Which column holds sizes, tokens, compute or losses, by the names that people give them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np

from workbench.base.checks import refusal
from workbench.tables.cells import is_numeric
from workbench.tables.table import Table

PARAMETERS = (
    "N params parameters num_params n_params num_parameters n_parameters param_count params_count "
    "parameter_count model_params model_parameters total_params total_parameters params_total "
    "total_parameter_count trainable_params model_size non_embedding_params nonemb_params "
    "non_emb_params params_non_embedding n_non_embedding params_no_embed N_no_emb "
    "dense_parameters dense_parameter_count active_params active_parameters size"
)
TOKENS = (
    "D tokens num_tokens n_tokens ntok token_num token_count tokens_count train_tokens "
    "training_tokens total_tokens tokens_total tokens_seen seen_tokens num_train_tokens "
    "n_train_tokens dataset_tokens data_tokens dataset_size data_size train_size training_size "
    "size_train train_set_size n_train num_train num_examples n_examples seen_examples examples "
    "examples_seen num_samples n_samples samples samples_seen train_samples "
    "pretraining_data_size unique_tokens characters data"
)
COMPUTE = (
    "C flops flop total_flops flops_total train_flops training_flops training_flop num_flops "
    "compute train_compute compute_budget flop_budget budget C_6ND pf_days petaflop_days cost"
)
STEPS = "steps step num_steps total_steps train_steps iterations iteration iters epochs epoch"
LOSS = (
    "loss val_loss valid_loss validation_loss test_loss eval_loss dev_loss heldout_loss final_loss "
    "loss_val loss_valid loss_validation loss_test loss_eval final_val_loss best_val_loss "
    "final_eval_loss val_bpb bpb test_bpb eval_bpb final_bpb bits_per_byte val_bits_per_byte nll "
    "val_nll test_nll ce cross_entropy val_ce val_cross_entropy lm_loss L train_loss training_loss "
    "loss_train test_error val_error eval_error error error_rate err test_err perplexity ppl "
    "val_ppl test_ppl y"
)
# By meaning: the names in order of preference, and parts of names that do where none of them is.
MEANINGS = {
    "parameters": (f"{PARAMETERS} n", "param"),
    "tokens": (f"{TOKENS} d", "token"),
    "compute": (f"{COMPUTE} c", "flop compute"),
    "size": (f"{PARAMETERS} {TOKENS} {COMPUTE} {STEPS} n d c x", "param token flop step"),
    "loss": (LOSS, "loss bpb nll entropy error perplexity"),
}
# Columns beside the ones looked for, about them and not them.
_BESIDE = re.compile(
    r"std|stderr|sem\b|var(iance)?\b|log|weight|per_|ratio|mult|increase|scale|_id\b|lr\b"
)


def proposed(
    columns: Mapping[str, np.ndarray], meaning: str, knob: str, taken: Iterable[str] = ()
) -> str:
    """The column of numbers whose name says that it has this meaning, rather one that varies.

    Args:
        columns: the table.
        meaning: "parameters", "tokens", "compute", "size" (any of them, or steps) or "loss".
        knob: what could name the column or the table instead, for the sentence.
        taken: columns that have another meaning.

    Raises:
        ValueError: if no name says so; the sentence lists the columns, or names the cell that is no
            number in the one whose name does.
    """
    taken = set(taken)
    numbers = [n for n, v in columns.items() if n not in taken and _is_of_numbers(v)]
    for there in ([n for n in numbers if _varies(columns[n])], numbers):
        column = _match(there, *MEANINGS[meaning])
        if column is not None:
            return column
    texts = [n for n in columns if n not in taken and n not in numbers]
    named = _match(texts, *MEANINGS[meaning])
    if named is not None and isinstance(columns, Table):
        columns.refuse_text(named)
    every = ", ".join(list(columns)[:20]) + (" and more" if len(columns) > 20 else "")
    what = {"loss": "losses", "size": "sizes"}.get(meaning, meaning)
    what = f"a column of {what}" if knob.endswith("_file") else f"the column of {what}"
    raise refusal(
        f"`{knob}` must name {what}, which no column of numbers is by its name; there is {every}"
    )


def _match(there: list[str], words: str, parts: str) -> str | None:
    for word in words.split():
        if word in there:
            return word
        # A single letter is a name by its case alone.
        alike = [n for n in there if len(word) > 1 and _plain(n) == _plain(word)]
        if alike:
            return alike[0]
    near = (
        n for p in parts.split() for n in there if p in _plain(n) and not _BESIDE.search(n.lower())
    )
    return next(near, None)


def _plain(name: str) -> str:
    """The name without its unit in brackets, in small letters and digits alone."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r"\(.*?\)|\[.*?\]", "", name).lower())


def _is_of_numbers(column: np.ndarray) -> bool:
    """Whether these are numbers, some of which may be spelt wrong."""
    return column.dtype.kind in "iuf" or is_numeric(column.tolist())


def _varies(column: np.ndarray) -> bool:
    if column.dtype.kind not in "iuf":
        return True
    there = column[np.isfinite(column)]
    return len(there) > 0 and bool(there.min() < there.max())
