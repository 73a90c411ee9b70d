import pytest

from workbench.inits.weights.reading.lookup_tables import lookup_tables

BODY = {"body.0.weight": (64, 64), "norm.weight": (64,), "head.weight": (30_000, 64)}


@pytest.mark.parametrize(
    ("shapes", "tables"),
    [
        # By name and use.
        ({"wte.weight": (500, 64), **BODY}, {"wte.weight"}),
        ({"embed_tokens.weight": (100, 64), **BODY}, {"embed_tokens.weight"}),
        ({"pos_embed": (1, 197, 64), **BODY}, {"pos_embed"}),
        ({"token_type_embeddings.weight": (2, 64), **BODY}, {"token_type_embeddings.weight"}),
        # By shape alone, whatever the name says.
        ({"vectors.weight": (30_000, 64), **BODY}, {"vectors.weight"}),
        # An input layer: others take its outputs, and nobody gives its inputs.
        ({"embed.weight": (64, 10), **BODY}, set()),
        # It adds a bias to its outputs.
        ({"embedding.weight": (500, 64), "embedding.bias": (500,), **BODY}, set()),
        ({"embedding.weight": (64, 300), "embedding.bias": (64,), **BODY}, set()),
        ({"patch_embed.weight": (64, 3, 8, 8), **BODY}, set()),
        ({"embedding_proj.weight": (500, 64), **BODY}, set()),
        ({"embed.dense.weight": (500, 64), **BODY}, set()),
        # A head has the shape of a table.
        (BODY, set()),
    ],
)
def test_tables_are_recognised_by_use_shape_and_name(shapes, tables):
    assert lookup_tables(shapes, "torch") == tables


def test_a_tall_kernel_of_keras_has_many_inputs():
    shapes = {"embedding/embeddings": (1000, 16), "dense1/kernel": (3136, 128), "b/kernel": (8, 4)}
    assert lookup_tables(shapes, "keras") == {"embedding/embeddings"}


def test_the_knob_can_say_otherwise():
    shapes = {"wte.weight": (500, 64), "odd.weight": (8, 64), "odd.bias": (8,), **BODY}
    assert lookup_tables(shapes, "torch", "none") == set()
    assert lookup_tables(shapes, "torch", "odd.*, x") == {"odd.weight"}
