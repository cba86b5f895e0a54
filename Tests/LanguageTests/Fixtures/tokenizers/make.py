"""Writes the tokeniser fixtures beside this file: a small tokenizer.json of every kind, and its encodings of lines.

Made with Python 3.11, tokenizers 0.23.3 and sentencepiece 0.2.2, seed 20261127: python3 make.py TEXT, where TEXT is tinyshakespeare.txt.
Each kind is trained here in the shape of the published files (GPT-2, GPT-NeoX, Llama 3, Qwen 2, Mistral, T5), since
those are large; `lines.json` holds adversarial lines, `<kind>.encodings.json` the ids of each line with and without
special tokens, and what they decode to where that is not the line. Only the last digits of the unigram scores differ
from run to run, since their trainer adds in no fixed order.
"""

import io
import json
import os
import random
import sys
import tempfile

import sentencepiece
from tokenizers import (
    AddedToken,
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

SEED = 20261127
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")

# What goes wrong in tokenisers: contractions in either case and the long s, spaces of every kind, line ends, digits
# of other scripts, marks alone, composed, out of order and of later Unicode versions, emoji sequences, right-to-left
# text, controls, unassigned and new letters; and texts of tokens.
ATOMS = (
    "the|The |THE|ROMEO:|'s|'S|'\u017f|'ll|'LL|'Ll|'re|'rE|'d|''s|don't|O'er| |  |   |     |\n|\n\n|\r\n|\r|\t|\t\t| \n| \n |"
    "\u00a0|\u2003|\u3000|\u2028|\u0085|\u200b|\u200d|\ufeff|1|12|123|1234|12345|3.14|1,000|\u0663\u0664|\u00bd|\u2167|\u4e94|\u1d7d8|"
    "\u00e9|e\u0301|a\u0308\u0323|\u1e9b\u0323|\ufb01|\ufb03|\u212b|\u2460|\uff21|\u1100\u1161\u11a8|\uac01|\uac00\u11a8|\u0301|\u0308|\u0345|"
    "\u0170\u0323|\u01d6\u0324|\u0cca\u0cd5|a\u036f\u0f73\u0301|a\u08d3\u0301\u0323|a\u1ac6\u0323|\u32ff|\U0001f16c|\u0f75\u0334|"
    "\U0001f600|\U0001f469\u200d\U0001f469\u200d\U0001f467|\U0001f1eb\U0001f1f7|\u2764\ufe0f|\U0001f44d\U0001f3fd|"
    "\u0645\u0631\u062d\u0628\u0627|\u05e9\u05dc\u05d5\u05dd|\u202e|\u200f|\u4f60\u597d|\u3053\u3093|\u0e2a\u0e27\u0e31\u0e2a|\u0928\u092e\u0938\u094d\u0924\u0947|"
    "\0|\x01|\x07|\x1b[0m|\x7f|\u0378|\ua7ce|\U0002ebf0|\U000323b0|\ue000|\uffff|\U0010ffff|"
    "{|}|()|[]|;|!=|->|...|!!!|?!|\u2026|\u2014|\u201cquoted\u201d|_|__init__|#|//|<|>|</|<0x0A>|<unk>|\u2581|\u2581\u2581|\u0120|\u010a|"
    "<s>|</s>|[MASK]| [MASK] |a[MASK]b|<tool>|<Tool>|\u00e9t\u00e9|a|b|z|Q|\u00df|\u0130|\u01c5|\u2126|w|x|y"
).split("|") + [
    "<|endoftext|>", "<|endoftext|", "<|endoftext|>x", "<|begin_of_text|>", "<|eot_id|>", "<|im_start|>", "<|im_end|>",
]


def lines(text, count, rng):
    """Adversarial lines: atoms in a row, among words of the text, with now and then any character or a long word."""
    words, result = text.split(" "), [""]
    while len(result) < count:
        line = []
        for _ in range(rng.randint(1, 12)):
            kind = rng.random()
            if kind < 0.6:
                line.append(rng.choice(ATOMS))
            elif kind < 0.8:
                line.append(rng.choice(["", " "]) + rng.choice(words))
            elif kind < 0.95:
                top = rng.choice([0x80, 0x250, 0x3000, 0x10000, 0x110000])
                scalar = rng.randrange(top)
                line.append(chr(scalar if not 0xD800 <= scalar <= 0xDFFF else 0x41))
            else:
                line.append(rng.choice(["ab", "x", "\u0301", " ", "7", "\U0001f600", "\n", "haha"]) * rng.randint(5, 60))
        result.append("".join(line))
    return result


def specials(*texts):
    return [AddedToken(text, special=True, normalized=False) for text in texts]


def byte_level(text, size, pre_tokenizer, first=(), normalizer=None, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, min_frequency=2, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=specials(*first), show_progress=False,
    )
    tokenizer.train_from_iterator([text], trainer)
    return tokenizer


def gpt2(text, size=700):
    tokenizer = byte_level(text, size, pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>"])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def neox(text, size=600):
    tokenizer = byte_level(
        text, size, pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>", "<|padding|>"],
        normalizers.NFC(),
    )
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    # Runs of spaces are plain added tokens there.
    tokenizer.add_tokens([AddedToken(" " * n, normalized=True) for n in range(12, 1, -1)])
    tokenizer.add_tokens([AddedToken("\u00e9t\u00e9", normalized=True), AddedToken("\u017fiege", normalized=False)])
    return tokenizer


def split(expression):
    return pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(expression), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )


def llama3(text, size=600):
    tokenizer = byte_level(text, size, split(LLAMA3), ignore_merges=True)
    # Whole words that no merges lead to, as the published vocabulary has.
    data = json.loads(tokenizer.to_str())
    vocabulary = data["model"]["vocab"]
    for word in ["\u0120Coriolanus", "Shakespeare", "\u0120\u00c3\u00a9t\u00c3\u00a9", "haha"]:
        vocabulary.setdefault(word, len(vocabulary))
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.add_special_tokens(
        specials("<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>", "<|endoftext|>")
        + specials(*[f"<|reserved_special_token_{i}|>" for i in range(4)])
    )
    start = tokenizer.token_to_id("<|begin_of_text|>")
    tokenizer.post_processor = processors.Sequence(
        [
            processors.ByteLevel(trim_offsets=True),
            processors.TemplateProcessing(
                single="<|begin_of_text|> $A", pair="<|begin_of_text|> $A <|begin_of_text|>:1 $B:1",
                special_tokens=[("<|begin_of_text|>", start)],
            ),
        ]
    )
    return tokenizer


def qwen(text, size=600):
    tokenizer = byte_level(text, size, split(QWEN), (), normalizers.NFC(), fuse_unk=False)
    tokenizer.add_special_tokens(specials("<|endoftext|>", "<|im_start|>", "<|im_end|>"))
    tokenizer.add_tokens([AddedToken("<tool>", normalized=False), AddedToken("</tool>", normalized=False)])
    tokenizer.post_processor = processors.ByteLevel(add_prefix_space=False, trim_offsets=False, use_regex=False)
    return tokenizer


def sentencepiece_bpe(text, size=500):
    """Llama 2 and Mistral: byte-pair merges of characters, unknown ones as bytes."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    # Merges inside words only, to keep the training short; the file itself cuts no words.
    tokenizer.pre_tokenizer = pre_tokenizers.Split("\u2581", "merged_with_next")
    first = ["<unk>", "<s>", "</s>"] + [f"<0x{b:02X}>" for b in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=256 + size, special_tokens=specials(*first), show_progress=False, limit_alphabet=80
    )
    tokenizer.train_from_iterator([text.replace("\n", " ")], trainer)
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = data["added_tokens"][:3]
    data["pre_tokenizer"] = None
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("\u2581", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return tokenizer


def members(message):
    """The length-delimited members of a protocol buffer with their numbers; numbers and floats are passed over."""
    i = 0

    def number():
        nonlocal i
        value = shift = 0
        while True:
            byte = message[i]
            i += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while i < len(message):
        key = number()
        if key & 7 == 0:
            number()
        elif key & 7 == 2:
            size = number()
            i += size
            yield key >> 3, message[i - size : i]
        else:
            i += 4 if key & 7 == 5 else 8


def character_map():
    """SentencePiece's compiled map of a few rules: ligatures, wide letters, spaces, marks, and something removed."""
    rules = {"\ufb01": "fi", "\ufb03": "ffi", "\uff21": "A", "\u3000": " ", "\u00a0": " ", "\t": " ", "\n": " ", "e\u0301": "\u00e9",
             "\u200b": "", "\u2460": "1", "\u1100\u1161": "\uac00", "\u1100\u1161\u11a8": "\uac01", "\U0001f600": ":)", "\u0301": "'"}
    lines = ["\t".join(" ".join(f"{ord(c):X}" for c in side) for side in rule) for rule in rules.items()]
    with tempfile.NamedTemporaryFile("w", suffix=".tsv", delete=False) as file:
        file.write("\n".join(lines) + "\n")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["a b c"] * 9), model_writer=model, vocab_size=7, normalization_rule_tsv=file.name,
        minloglevel=2,
    )
    os.remove(file.name)
    # The member 3 of the model is its normaliser, the member 2 of that the map.
    normalizer = next(value for key, value in members(model.getvalue()) if key == 3)
    return next(value for key, value in members(normalizer) if key == 2)


def unigram(text, size=500):
    """T5-like: a unigram model of words with a visible space, and a mask that takes the spaces before it."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Precompiled(character_map()), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    trainer = trainers.UnigramTrainer(
        vocab_size=size, special_tokens=specials("<pad>", "</s>", "<unk>"), unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(text.split("\n"), trainer)
    tokenizer.add_special_tokens(
        [AddedToken("[MASK]", lstrip=True, special=True, normalized=False)]
        + [AddedToken("<tool>", single_word=True, rstrip=True, special=True, normalized=False)]
    )
    tokenizer.decoder = decoders.Metaspace(prepend_scheme="first")
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return tokenizer


def unigram_bytes(text, size=400):
    """A unigram model with byte fallback behind cutting at spaces and digits; old-style lower-casing."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKD(), normalizers.Lowercase(), normalizers.Strip()])
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.Metaspace()]
    )
    first = ["<unk>"] + [f"<0x{b:02X}>" for b in range(256)]
    trainer = trainers.UnigramTrainer(
        vocab_size=256 + size, special_tokens=specials(*first), unk_token="<unk>", show_progress=False
    )
    tokenizer.train_from_iterator(text.split("\n"), trainer)
    data = json.loads(tokenizer.to_str())
    data["added_tokens"] = data["added_tokens"][:1]
    data["model"]["byte_fallback"] = True
    tokenizer = Tokenizer.from_str(json.dumps(data))
    tokenizer.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace()])
    return tokenizer


def words(text, size=400):
    tokenizer = Tokenizer(models.WordLevel(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.train_from_iterator(
        [text], trainers.WordLevelTrainer(vocab_size=size, special_tokens=specials("<unk>", "<|endoftext|>"), show_progress=False)
    )
    return tokenizer


KINDS = {
    "gpt2": gpt2, "neox": neox, "llama3": llama3, "qwen": qwen, "mistral": sentencepiece_bpe, "t5": unigram,
    "unigram-bytes": unigram_bytes, "words": words,
}


def encodings(tokenizer, texts):
    result = []
    for text in texts:
        ids = tokenizer.encode(text).ids
        bare = tokenizer.encode(text, add_special_tokens=False).ids
        decoded = tokenizer.decode(bare, skip_special_tokens=False)
        entry = {"ids": bare}
        if ids != bare:
            at = next((i for i in range(len(ids) - len(bare) + 1) if ids[i : i + len(bare)] == bare), 0)
            entry["around"] = [ids[:at], ids[at + len(bare) :]]
        if decoded != text:
            entry["text"] = decoded
        result.append(entry)
    return result


def write(path, value):
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        json.dump(value, file, ensure_ascii=False, separators=(",", ":"))
        file.write("\n")


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    with open(sys.argv[1], encoding="utf-8", newline="") as file:
        text = file.read()
    rng = random.Random(SEED)
    texts = lines(text, 150, rng)
    write(os.path.join(here, "lines.json"), texts)
    for kind, make in KINDS.items():
        tokenizer = make(text[:200_000])
        with open(os.path.join(here, f"{kind}.json"), "w", encoding="utf-8", newline="\n") as file:
            file.write(tokenizer.to_str() + "\n")
        write(os.path.join(here, f"{kind}.encodings.json"), encodings(tokenizer, texts))


if __name__ == "__main__":
    main()
