"""Tiny random-weight models of the transformers package: a configuration, inputs and a loss for each architecture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

Builder = Callable[[], tuple[torch.nn.Module, Callable[[Any], torch.Tensor]]]

SMALL = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
GROUPED = {**SMALL, "num_key_value_heads": 1, "vocab_size": 50, "max_position_embeddings": 64}
NAMED = {"hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 32}
TOKENS = "input_ids"


def ids(length: int = 8) -> torch.Tensor:
    return torch.arange(2 * length).reshape(2, length) % 40 + 3


def picture(size: int = 16) -> torch.Tensor:
    return torch.linspace(-1, 1, 2 * 3 * size * size).reshape(2, 3, size, size)


def sound(length: int = 400) -> torch.Tensor:
    return torch.sin(torch.linspace(0, 60, 2 * length)).reshape(2, length)


def generating(inputs: Mapping[str, Any]) -> Mapping[str, Any]:
    return {**inputs, "labels": inputs[TOKENS]}


def first(output: Any) -> torch.Tensor:
    """The loss of a model with a head, or one made of its first output, as a head would."""
    loss = getattr(output, "loss", None)
    return loss if loss is not None else output[0].square().mean()


def made(family: str, kind: str, settings: Mapping[str, Any], inputs: Callable[[], Mapping[str, Any]]) -> Builder:
    """A model from its configuration class, with what it is fed."""

    def build() -> tuple[torch.nn.Module, Callable[[Any], torch.Tensor]]:
        import transformers

        torch.manual_seed(0)
        config = getattr(transformers, f"{family}Config")(**settings)
        model = getattr(transformers, family + kind)(config)
        given = dict(inputs())
        return model, lambda model: first(model(**given))

    return build


def text() -> Mapping[str, Any]:
    return {TOKENS: ids()}


def labelled() -> Mapping[str, Any]:
    return generating(text())


def classes() -> Mapping[str, Any]:
    return {TOKENS: ids(), "labels": torch.tensor([0, 1])}


ENCODER = {**SMALL, "vocab_size": 50, "max_position_embeddings": 64}
SHIFTED = {**ENCODER, "pad_token_id": 1}
GPT = {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 50, "n_positions": 64}
T5 = {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2, "vocab_size": 50}
BART = {
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 32,
    "decoder_ffn_dim": 32,
    "vocab_size": 50,
    "max_position_embeddings": 64,
}
VISION = {**SMALL, "image_size": 16, "patch_size": 8}
WAVE = {
    **SMALL,
    "vocab_size": 50,
    "conv_dim": (16, 16),
    "conv_stride": (5, 2),
    "conv_kernel": (10, 3),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 4,
    "num_conv_pos_embedding_groups": 2,
    "mask_time_prob": 0.0,
}

WHISPER = {
    **{k: v for k, v in BART.items() if k != "max_position_embeddings"},
    "num_mel_bins": 8,
    "max_source_positions": 20,
    "max_target_positions": 32,
    "pad_token_id": 1,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "decoder_start_token_id": 1,
    "suppress_tokens": [],
    "begin_suppress_tokens": [],
}
CLIP = {
    "text_config": {**ENCODER, "eos_token_id": 2, "bos_token_id": 1, "pad_token_id": 1, "projection_dim": 8},
    "vision_config": {**VISION, "projection_dim": 8},
    "projection_dim": 8,
}
SEGFORMER = {
    "depths": [1, 1, 1, 1],
    "hidden_sizes": [8, 8, 16, 16],
    "num_attention_heads": [1, 1, 2, 2],
    "decoder_hidden_size": 16,
}
DISTIL = {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "vocab_size": 50, "max_position_embeddings": 64}

ZOO: Mapping[str, Builder] = {
    f"{family}{kind}": made(family, kind, settings, inputs)
    for family, kind, settings, inputs in (
        ("Bert", "ForSequenceClassification", ENCODER, classes),
        ("Bert", "Model", ENCODER, text),
        ("Bert", "ForMaskedLM", ENCODER, labelled),
        ("GPT2", "LMHeadModel", GPT, labelled),
        ("GPT2", "Model", GPT, text),
        ("T5", "ForConditionalGeneration", {**T5, "decoder_start_token_id": 0}, labelled),
        ("Bart", "ForConditionalGeneration", BART, labelled),
        ("MBart", "ForConditionalGeneration", BART, labelled),
        ("Pegasus", "ForConditionalGeneration", BART, labelled),
        ("ViT", "ForImageClassification", VISION, lambda: {"pixel_values": picture(), "labels": torch.tensor([0, 1])}),
        ("ViT", "Model", VISION, lambda: {"pixel_values": picture()}),
        ("DistilBert", "ForSequenceClassification", DISTIL, classes),
        ("Roberta", "ForSequenceClassification", SHIFTED, classes),
        ("Roberta", "Model", SHIFTED, text),
        ("Albert", "Model", {**ENCODER, "embedding_size": 8}, text),
        ("Albert", "ForMaskedLM", {**ENCODER, "embedding_size": 8}, labelled),
        ("Electra", "ForSequenceClassification", {**ENCODER, "embedding_size": 8}, classes),
        (
            "DebertaV2",
            "ForSequenceClassification",
            {**ENCODER, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
            classes,
        ),
        (
            "OPT",
            "ForCausalLM",
            {
                **NAMED,
                "num_hidden_layers": 2,
                "ffn_dim": 32,
                "vocab_size": 50,
                "max_position_embeddings": 64,
                "word_embed_proj_dim": 16,
            },
            labelled,
        ),
        ("Llama", "ForCausalLM", GROUPED, labelled),
        ("Llama", "Model", GROUPED, text),
        ("Mistral", "ForCausalLM", GROUPED, labelled),
        ("Gemma", "ForCausalLM", {**GROUPED, "head_dim": 8}, labelled),
        ("Gemma2", "ForCausalLM", {**GROUPED, "head_dim": 8}, labelled),
        ("Qwen2", "ForCausalLM", GROUPED, labelled),
        ("Phi", "ForCausalLM", GROUPED, labelled),
        ("StableLm", "ForCausalLM", GROUPED, labelled),
        (
            "Mixtral",
            "ForCausalLM",
            {**GROUPED, "num_local_experts": 4, "num_experts_per_tok": 1, "output_router_logits": True},
            labelled,
        ),
        (
            "Qwen2Moe",
            "ForCausalLM",
            {
                **GROUPED,
                "num_experts": 4,
                "num_experts_per_tok": 2,
                "moe_intermediate_size": 16,
                "shared_expert_intermediate_size": 16,
            },
            labelled,
        ),
        (
            "Falcon",
            "ForCausalLM",
            {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 50},
            labelled,
        ),
        ("Bloom", "ForCausalLM", {"hidden_size": 16, "n_layer": 2, "n_head": 2, "vocab_size": 50}, labelled),
        ("GPTNeoX", "ForCausalLM", {**ENCODER, "rotary_pct": 1.0}, labelled),
        ("GPTJ", "ForCausalLM", {**GPT, "rotary_dim": 4}, labelled),
        ("CTRL", "LMHeadModel", {**GPT, "dff": 32}, labelled),
        (
            "Mamba",
            "ForCausalLM",
            {"hidden_size": 16, "num_hidden_layers": 2, "vocab_size": 50, "state_size": 4},
            labelled,
        ),
        ("Wav2Vec2", "Model", WAVE, lambda: {"input_values": sound()}),
        ("Wav2Vec2", "ForCTC", WAVE, lambda: {"input_values": sound(), "labels": ids(4)}),
        ("Hubert", "Model", WAVE, lambda: {"input_values": sound()}),
        ("CLIP", "Model", CLIP, lambda: {TOKENS: ids(), "pixel_values": picture(), "return_loss": True}),
        (
            "Whisper",
            "ForConditionalGeneration",
            WHISPER,
            lambda: {"input_features": picture(40)[:, 0, :8, :], "labels": ids(6)},
        ),
        (
            "Segformer",
            "ForSemanticSegmentation",
            SEGFORMER,
            lambda: {"pixel_values": picture(64), "labels": torch.zeros(2, 64, 64, dtype=torch.long)},
        ),
        ("XLNet", "LMHeadModel", {"d_model": 16, "n_layer": 2, "n_head": 2, "d_inner": 32, "vocab_size": 50}, labelled),
        ("Longformer", "ForSequenceClassification", {**SHIFTED, "attention_window": 4}, classes),
        (
            "Funnel",
            "Model",
            {"d_model": 16, "n_head": 2, "d_head": 8, "d_inner": 32, "block_sizes": [1, 1], "vocab_size": 50},
            text,
        ),
        ("RoFormer", "ForMaskedLM", ENCODER, labelled),
        ("ConvBert", "Model", {**ENCODER, "embedding_size": 16}, text),
        ("MPNet", "Model", SHIFTED, text),
        ("FNet", "Model", {**ENCODER, "type_vocab_size": 2}, text),
        ("SqueezeBert", "Model", {**ENCODER, "embedding_size": 16, **{f"{n}_groups": 1 for n in "qkv"}}, text),
        ("BigBird", "ForMaskedLM", {**ENCODER, "attention_type": "original_full"}, labelled),
        (
            "ConvNext",
            "ForImageClassification",
            {"hidden_sizes": [8, 8, 8, 8], "depths": [1, 1, 1, 1]},
            lambda: {"pixel_values": picture(64), "labels": torch.tensor([0, 1])},
        ),
        (
            "ResNet",
            "ForImageClassification",
            {"embedding_size": 8, "hidden_sizes": [8, 8, 8, 8], "depths": [1, 1, 1, 1]},
            lambda: {"pixel_values": picture(32), "labels": torch.tensor([0, 1])},
        ),
        (
            "Swin",
            "ForImageClassification",
            {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4, "image_size": 32},
            lambda: {"pixel_values": picture(32), "labels": torch.tensor([0, 1])},
        ),
    )
}
