import pytest
import torch

from panosod_core.model.attention import CrossLayer, EncoderLayer, MultiHeadAttention
from panosod_core.model.temporal import TemporalNonLocal


def random_block(channels=8):
    block = TemporalNonLocal(channels)
    torch.nn.init.normal_(block.out.weight)
    return block


def test_attention_is_the_formula():
    attend = MultiHeadAttention(12, 3, dropout=0.5).eval()
    queries, keys, values = torch.randn(2, 5, 12), torch.randn(2, 4, 12), torch.randn(2, 4, 12)
    bias = torch.randn(2, 3, 5, 4)
    q, k, v = attend.query(queries), attend.key(keys), attend.value(values)
    heads = []
    for h in range(3):
        own = slice(4 * h, 4 * h + 4)
        weights = (q[..., own] @ k[..., own].transpose(1, 2) / 2.0 + bias[:, h]).softmax(-1)
        heads.append(weights @ v[..., own])
    torch.testing.assert_close(attend(queries, keys, values, bias=bias), attend.out(torch.cat(heads, -1)))


def test_what_all_keys_share_changes_no_answer_and_teaches_nothing():
    attend = MultiHeadAttention(12, 3, dropout=0.0)
    queries, values = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    keys = torch.randn(2, 7, 12)
    keys[..., 3] = torch.randn(2, 1)
    with torch.no_grad():
        attend.key.bias.normal_()
        shifted = keys + torch.randn(2, 1, 12)
    out = attend(queries, keys, values)
    torch.testing.assert_close(attend(queries, shifted, values), out)
    out.square().sum().backward()
    assert torch.equal(attend.key.bias.grad, torch.zeros(12)), "not rounding, which Adam would make whole steps of"
    shared, others = attend.key.weight.grad[:, 3], attend.key.weight.grad[:, [*range(3), *range(4, 12)]]
    assert shared.abs().max() < 1e-6 * others.abs().max()


def test_attention_agrees_with_torchs_own():
    attend = MultiHeadAttention(12, 3, dropout=0.0)
    other = torch.nn.MultiheadAttention(12, 3, batch_first=True)
    with torch.no_grad():
        other.in_proj_weight.copy_(torch.cat([attend.query.weight, attend.key.weight, attend.value.weight]))
        other.out_proj.load_state_dict(attend.out.state_dict())
    x, y = torch.randn(2, 5, 12), torch.randn(2, 7, 12)
    torch.testing.assert_close(attend(x, y, y), other(x, y, y)[0])


def test_an_encoder_layer_agrees_with_torchs_own():
    layer = EncoderLayer(12, 3, 20, dropout=0.1).eval()
    other = torch.nn.TransformerEncoderLayer(12, 3, 20, dropout=0.1, batch_first=True).eval()
    attend, linear = layer.attention, layer.feedforward
    with torch.no_grad():
        weights = torch.cat([attend.query.weight, attend.key.weight, attend.value.weight])
        other.self_attn.in_proj_weight.copy_(weights)
        for mine, theirs in (
            (attend.out, other.self_attn.out_proj),
            (linear[0], other.linear1),
            (linear[3], other.linear2),
            (layer.norm1, other.norm1),
            (layer.norm2, other.norm2),
        ):
            theirs.load_state_dict(mine.state_dict())
    x = torch.randn(2, 5, 12)
    torch.testing.assert_close(layer(x), other(x), atol=1e-5, rtol=1e-5)


def test_a_cross_layer_is_eq_2_and_3_and_treats_every_query_alone():
    layer = CrossLayer(12, 3, 20, dropout=0.1).eval()
    tokens, sound = torch.randn(2, 5, 12), torch.randn(2, 4, 12)
    h = layer.norm1(layer.attention(tokens, sound, sound) + tokens)
    torch.testing.assert_close(layer(tokens, sound, sound), layer.norm2(layer.feedforward(h) + h))
    torch.testing.assert_close(layer(tokens[:, 2:3], sound, sound), layer(tokens, sound, sound)[:, 2:3])


def test_dropout_is_off_in_evaluation_only():
    layer = CrossLayer(12, 3, 20, dropout=0.5)
    tokens, sound = torch.randn(2, 5, 12), torch.randn(2, 4, 12)
    assert not torch.equal(layer(tokens, sound, sound), layer(tokens, sound, sound))
    layer.eval()
    assert torch.equal(layer(tokens, sound, sound), layer(tokens, sound, sound))


@pytest.mark.parametrize("frames", [1, 2, 3, 4])
def test_the_linear_form_is_the_quadratic_one(frames):
    block, x = random_block(), torch.randn(2, frames, 8, 3, 5)
    tokens = x.permute(0, 1, 3, 4, 2).flatten(1, 3)

    def project(conv, t):
        return torch.nn.functional.linear(t, conv.weight[:, :, 0, 0], conv.bias)

    theta, phi, g = (project(conv, tokens) for conv in (block.theta, block.phi, block.g))
    quadratic = (theta @ phi.transpose(1, 2)) @ g / tokens.shape[1]
    expected = tokens + project(block.out, quadratic)
    got = block(x).permute(0, 1, 3, 4, 2).flatten(1, 3)
    torch.testing.assert_close(got, expected, atol=1e-5, rtol=1e-5)


def test_it_is_the_identity_at_birth_and_learns_from_there():
    block, x = TemporalNonLocal(8), torch.randn(2, 3, 8, 3, 5)
    assert torch.equal(block(x), x)
    block(x).square().sum().backward()
    assert block.out.weight.grad.abs().max() > 0


def test_frames_hear_of_each_other_whatever_their_order():
    block, x = random_block(), torch.randn(1, 3, 8, 3, 5)
    order = [2, 0, 1]
    torch.testing.assert_close(block(x[:, order]), block(x)[:, order])
    changed = x.clone()
    changed[:, 2] += 1
    assert (block(changed)[:, 0] - block(x)[:, 0]).abs().max() > 1e-4


def test_a_frame_is_summed_up_once():
    block, x = random_block(), torch.randn(2, 3, 8, 3, 5)
    shares = torch.stack([block.summary(x[:, t]) for t in range(3)], dim=1)
    torch.testing.assert_close(block.answer(x[:, 1], shares.mean(1)), block(x)[:, 1])
