"""What a diffusion model will not read of a prompt, said before anything is loaded. Free of torch."""

from __future__ import annotations

from typing import Any

from server.errors import BadRequest
from server.priors.pretrained.chunks import most_words, read_chunks
from server.priors.pretrained.families import PretrainedModel
from server.priors.pretrained.wording import VIEW_WORDS, read_wording


def warn_of_unread(model: PretrainedModel | None, prompt: str, where: str = "the prompt") -> list[str]:
    """Whole sentences: notes for other programs, and words that Stable Diffusion 3 reads by one encoder only.

    Args:
        model: None when its files are not here yet; its length is then not looked at.
        where: how messages call the prompt.

    Raises:
        BadRequest: "prompt-unreadable" when nothing is left to be read.
    """
    read = read_wording(prompt)
    if prompt.strip() and not read.plain.strip(" ,"):
        raise BadRequest("prompt-unreadable", f"There are no words in {where}.", "Say what to make in plain words.")
    warnings = [sentence.replace("the prompt", where, 1) for sentence in read.left_out]
    if model is not None and model.family == "sd3":
        warnings += _warn_of_length(model, prompt, where)
    return warnings


def _warn_of_length(model: PretrainedModel, prompt: str, where: str) -> list[str]:
    config: Any = model.configs["text_encoder"]
    # Each word has a letter, so short prompts need no tokenizer, which takes a second to import.
    if len(prompt) + max(map(len, VIEW_WORDS)) < config.get("max_position_embeddings", 77):
        return []
    from transformers import CLIPTokenizer

    tokenizer = CLIPTokenizer.from_pretrained(model.tokenizers["tokenizer"], local_files_only=True)
    most = most_words(tokenizer, config)
    words = [len(chunk.tokens) for chunk in read_chunks(tokenizer, prompt, most)]
    if len(words) == 1 and words[0] + max(len(tokenizer(view).input_ids) - 2 for view in VIEW_WORDS) <= most:
        return []
    rest = "T5 reads the whole" if "text_encoder_3" in model.configs else "this file has no T5 to read the rest"
    return [
        f"Stable Diffusion 3 reads {most} words through CLIP, the words for the view among them, and {where} has "
        f"{sum(words)}: its end is left out there; {rest}."
    ]
