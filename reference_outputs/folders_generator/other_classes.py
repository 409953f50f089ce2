"""A tokenizer_class over vocab.txt that is another kind of tokenizer, or one of BERT's relatives."""

from .recipe import Folder
from .vocabulary import CONFIG, PAIRS, TEXTS, TOKENIZER_JSON, VOCABULARY, config_json

KIND = "other_classes"
CLASSES = """
RobertaTokenizer RobertaTokenizerFast GPT2Tokenizer GPT2TokenizerFast AlbertTokenizer AlbertTokenizerFast XLNetTokenizer
BertJapaneseTokenizer BertweetTokenizer PhobertTokenizer XLMRobertaTokenizer XLMRobertaTokenizerFast CamembertTokenizer
T5Tokenizer T5TokenizerFast CTRLTokenizer OpenAIGPTTokenizer DebertaTokenizer DebertaV2Tokenizer BigBirdTokenizer XLMTokenizer
FlaubertTokenizer BertGenerationTokenizer CanineTokenizer ByT5Tokenizer EsmTokenizer TapasTokenizer ProphetNetTokenizer
SplinterTokenizer RoCBertTokenizer CpmAntTokenizer LlamaTokenizer BloomTokenizerFast DPRQuestionEncoderTokenizer
RetriBertTokenizer RealmTokenizer LayoutLMv2Tokenizer BertTokenizerLegacy BasicTokenizer WordpieceTokenizer ElectraTokenizer
DistilBertTokenizer MobileBertTokenizer MPNetTokenizer FunnelTokenizer LxmertTokenizer ConvBertTokenizer SqueezeBertTokenizer
HerbertTokenizer RoFormerTokenizer PreTrainedTokenizerFast PreTrainedTokenizer TokenizersBackend NoSuchTokenizer
""".split()
MODEL_TYPES = [
    "distilbert",
    "electra",
    "mpnet",
    "mobilebert",
    "roberta",
    "albert",
    "gpt2",
    "xlm-roberta",
    "camembert",
    "funnel",
    "convbert",
    "squeezebert",
    "modernbert",
    "nosuch",
]

FOLDERS = [
    Folder(
        "class_" + name,
        f"tokenizer_class {name} over vocab.txt.",
        {"vocab.txt": VOCABULARY, "config.json": CONFIG, "tokenizer_config.json": {"tokenizer_class": name}},
        TEXTS,
        PAIRS,
    )
    for name in CLASSES
]
FOLDERS += [
    Folder(
        "type_" + name.replace("-", "_"),
        f"model_type {name} over vocab.txt, no class.",
        {"vocab.txt": VOCABULARY, "config.json": config_json(["architectures"], model_type=name)},
        TEXTS,
        PAIRS,
    )
    for name in MODEL_TYPES
]
FOLDERS += [
    Folder(
        "type_roberta_class_bert",
        "model_type roberta, tokenizer_class BertTokenizer.",
        {
            "vocab.txt": VOCABULARY,
            "config.json": config_json(["architectures"], model_type="roberta"),
            "tokenizer_config.json": {"tokenizer_class": "BertTokenizer"},
        },
        TEXTS,
        PAIRS,
    ),
    Folder(
        "json_class_RobertaTokenizer",
        "tokenizer_class RobertaTokenizer over a WordPiece tokenizer.json.",
        {
            "tokenizer.json": TOKENIZER_JSON,
            "config.json": CONFIG,
            "tokenizer_config.json": {"tokenizer_class": "RobertaTokenizer"},
        },
        TEXTS,
        PAIRS,
    ),
    Folder(
        "json_class_AlbertTokenizer",
        "tokenizer_class AlbertTokenizer over a WordPiece tokenizer.json.",
        {
            "tokenizer.json": TOKENIZER_JSON,
            "config.json": CONFIG,
            "tokenizer_config.json": {"tokenizer_class": "AlbertTokenizer"},
        },
        TEXTS,
        PAIRS,
    ),
]
