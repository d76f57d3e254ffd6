"""One grammar says what in a network is meant, both ways, and says what is wrong with what it can't read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phosphene.network.addresses import OUTPUTS, Address, near

LAYERS = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_\-]+){0,4}", fullmatch=True).filter(
    lambda name: name not in OUTPUTS
)
CHANNELS = st.none() | st.integers(0, 10**6)
PLACES = st.none() | st.tuples(st.integers(0, 10**4), st.integers(0, 10**4))
TOKENS = st.just("cls") | st.integers(0, 99).map("register{}".format)
CLASSES = st.from_regex(r"[a-z][a-z ,'\-:@]{0,30}[a-z]", fullmatch=True)


@given(LAYERS, CHANNELS, PLACES)
def test_an_address_of_units_reads_back_as_written(layer, channel, place):
    address = Address(layer, channel, place)
    assert Address.parse(str(address)) == address


@given(LAYERS, CHANNELS, TOKENS)
def test_an_address_of_tokens_reads_back_as_written(layer, channel, token):
    address = Address(layer, channel, None, token)
    assert Address.parse(str(address)) == address


@given(st.sampled_from(OUTPUTS), st.none() | st.integers(0, 999) | CLASSES)
def test_an_address_of_classes_reads_back_as_written(output, name):
    address = Address(output, name)
    assert Address.parse(str(address)) == address


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("layer3", Address("layer3")),
        ("layer3.0.add:17", Address("layer3.0.add", 17)),
        ("layer3:17@5,6", Address("layer3", 17, (5, 6))),
        (" layer3@5, 6 ", Address("layer3", None, (5, 6))),
        ("first:second:17@5,6", Address("first:second", 17, (5, 6))),
        ("blocks.11@cls", Address("blocks.11", token="cls")),
        ("blocks.11:3@register1", Address("blocks.11", 3, token="register1")),
        ("logits", Address("logits")),
        ("logits:goose", Address("logits", "goose")),
        ("probabilities:99", Address("probabilities", 99)),
        ("logits: Egyptian cat ", Address("logits", "Egyptian cat")),
    ],
)
def test_an_address_says_layer_channel_place_token_or_class(text, meant):
    assert Address.parse(text) == meant


def test_an_address_already_read_stays_itself():
    address = Address("layer3", 1)
    assert Address.parse(address) is address


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "an address is a text such as 'layer3:17@5,6' or 'logits:goose'; got ''"),
        ("  ", "an address is a text such as 'layer3:17@5,6' or 'logits:goose'; got '  '"),
        (17, "an address is a text such as 'layer3:17@5,6' or 'logits:goose'; got 17"),
        (None, "an address is a text such as 'layer3:17@5,6' or 'logits:goose'; got None"),
        ("layer3:goose", "address 'layer3:goose': after ':' comes a channel's number, not 'goose'"),
        ("layer3:²", "address 'layer3:²': after ':' comes a channel's number, not '²'"),
        ("layer3:-1", "address 'layer3:-1': after ':' comes a channel's number, not '-1'"),
        ("layer3:", "address 'layer3:': after ':' comes a channel's number, not ''"),
        ("layer3@5", "address 'layer3@5': after '@' comes 'row,column', 'cls' or 'register1'"),
        ("layer3@5;6", "address 'layer3@5;6': after '@' comes 'row,column', 'cls' or 'register1'"),
        ("layer3@head", "address 'layer3@head': after '@' comes 'row,column', 'cls' or 'register1'"),
        (":17", "address ':17' names no layer"),
        ("@5,6", "address '@5,6' names no layer"),
        ("logits:", "address 'logits:' names no class after the colon; write e.g. 'logits:goose'"),
    ],
)
def test_what_is_no_address_is_refused_in_a_sentence(text, sentence):
    with pytest.raises(ValueError) as error:
        Address.parse(text)
    assert str(error.value) == sentence


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_and_what_is_read_is_written_the_same_way_again(text):
    try:
        address = Address.parse(text)
    except ValueError:
        return
    assert Address.parse(str(address)) == address


def test_near_names_are_the_closest_first_and_few():
    names = ["conv1", "layer1", "layer2", "layer3", "layer4", "fc"]
    assert near("layer5", names).startswith("; near it: layer")
    assert near("layer5", names).count(",") == 2
    assert near("layer_4", names).startswith("; near it: layer4")
    assert near("FC", names) == "; near it: fc"


def test_nothing_near_is_nothing_said():
    assert near("qqqqq", ["conv1", "layer1"]) == ""
    assert near("", ["conv1"]) == ""
    assert near("conv1", []) == ""
