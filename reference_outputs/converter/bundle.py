"""Reads a TensorFlow checkpoint: NAME.index, a sorted table of protocol buffers, and NAME.data-00000-of-00001, the numbers.

The table has the format of LevelDB: blocks of entries whose keys share prefixes, an index of these blocks, and a footer that says
where the index is. See tensorflow/core/lib/io/table and tensorflow/core/protobuf/tensor_bundle.proto.
"""

import pathlib
import struct

import numpy

from .errors import InputError

MAGIC = 0xDB4775248B80FB57  # the last 8 bytes of a table
FOOTER = 48
TRAILER = 5  # after a block: how it is compressed, and a checksum
DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 14: "<u2", 19: "<f2"}  # by tensorflow.DataType; 14 is bfloat16
BFLOAT16 = 14


def varint(data, at):
    """A number of 7 bits a byte, lowest first, and the place behind it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def uncompress(data):
    """Snappy: literals, and copies of what has been written already."""
    size, at = varint(data, 0)
    out = bytearray()
    while at < len(data):
        tag = data[at]
        at += 1
        if tag & 3 == 0:
            length = tag >> 2
            if length >= 60:
                extra = length - 59
                length = int.from_bytes(data[at : at + extra], "little")
                at += extra
            out += data[at : at + length + 1]
            at += length + 1
            continue
        if tag & 3 == 1:
            length, offset, extra = 4 + (tag >> 2 & 7), tag >> 5 << 8 | data[at], 1
        else:
            extra = 2 if tag & 3 == 2 else 4
            length, offset = 1 + (tag >> 2), int.from_bytes(data[at : at + extra], "little")
        at += extra
        if not 0 < offset <= len(out):
            raise ValueError("a copy from before the beginning")
        for _ in range(length):  # one at a time: a copy may overlap what it writes
            out.append(out[-offset])
    if len(out) != size:
        raise ValueError(f"a block of {size} bytes has {len(out)}")
    return bytes(out)


def crc_table():
    """CRC-32C of every byte."""
    table = []
    for value in range(256):
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


CRC = crc_table()


def masked_crc(data):
    """The checksum of a block as it is stored: CRC-32C, rotated, plus a constant."""
    value = 0xFFFFFFFF
    for byte in data:
        value = CRC[(value ^ byte) & 0xFF] ^ value >> 8
    value ^= 0xFFFFFFFF
    return ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF


def block(table, offset, size):
    """The keys and values of a block."""
    data, trailer = table[offset : offset + size], table[offset + size : offset + size + TRAILER]
    if len(trailer) != TRAILER:
        raise ValueError("a block ends beyond the file")
    if masked_crc(data + trailer[:1]) != struct.unpack("<I", trailer[1:])[0]:
        raise ValueError("a block's checksum is wrong")
    if trailer[0] > 1:
        raise ValueError(f"compression {trailer[0]} isn't known")
    data = uncompress(data) if trailer[0] == 1 else data
    restarts = struct.unpack("<I", data[-4:])[0]
    end, at, key = len(data) - 4 * (restarts + 1), 0, b""
    while at < end:
        shared, at = varint(data, at)
        added, at = varint(data, at)
        length, at = varint(data, at)
        key = key[:shared] + data[at : at + added]
        at += added
        yield key, data[at : at + length]
        at += length


def entries(table):
    """The keys and values of a table."""
    if len(table) < FOOTER or struct.unpack("<Q", table[-8:])[0] != MAGIC:
        raise ValueError("it doesn't end like a table")
    footer = table[-FOOTER:]
    _, at = varint(footer, 0)
    _, at = varint(footer, at)  # the metaindex, which isn't used
    offset, at = varint(footer, at)
    size, at = varint(footer, at)
    for _, handle in block(table, offset, size):
        begin, at = varint(handle, 0)
        length, _ = varint(handle, at)
        yield from block(table, begin, length)


def fields(message):
    """The fields of a protocol buffer: number and value, a number or bytes."""
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(message, at)
        elif kind == 2:
            length, at = varint(message, at)
            value, at = message[at : at + length], at + length
        elif kind in (1, 5):
            length = 8 if kind == 1 else 4
            value, at = int.from_bytes(message[at : at + length], "little"), at + length
        else:
            raise ValueError(f"a field of kind {kind}")
        yield tag >> 3, value


def tensor_entry(message):
    """dtype, shape, shard, offset and size of a tensor, and whether it is stored in slices."""
    dtype, shape, shard, offset, size, sliced = 0, [], 0, 0, 0, False
    for number, value in fields(message):
        if number == 1:
            dtype = value
        elif number == 2:
            for kind, dimension in fields(value):
                if kind == 2:
                    shape.append(dict(fields(dimension)).get(1, 0))
        elif number == 3:
            shard = value
        elif number == 4:
            offset = value
        elif number == 5:
            size = value
        elif number == 7:
            sliced = True
    return dtype, shape, shard, offset, size, sliced


def read(index, wanted):
    """The tensors of a checkpoint by their names.

    index: the path of NAME.index; wanted: says for a name whether the tensor is read.
    """
    index = pathlib.Path(index)
    prefix, tensors, header = str(index).removesuffix(".index"), {}, {}
    try:
        found = dict(entries(index.read_bytes()))
        header = dict(fields(found.pop(b"", b"")))
        table = {key.decode(): tensor_entry(value) for key, value in found.items()}
    except (ValueError, IndexError, struct.error) as error:
        raise InputError(f"{index}: expected the index of a TensorFlow checkpoint: {error}") from error
    if header.get(2, 0) != 0:
        raise InputError(f"{index}: expected numbers with their lowest byte first")
    shards = header.get(1, 1)
    for name, (dtype, shape, shard, offset, size, sliced) in table.items():
        if not wanted(name):
            continue
        if sliced:
            raise InputError(f"{index}: {name}: expected a whole tensor, got slices")
        if dtype not in DTYPES:
            raise InputError(f"{index}: {name}: expected a tensor of numbers, got TensorFlow's type {dtype}")
        path = f"{prefix}.data-{shard:05d}-of-{shards:05d}"
        kind = numpy.dtype(DTYPES[dtype])
        count = int(numpy.prod(shape, dtype=numpy.int64))
        if count * kind.itemsize != size:
            raise InputError(f"{index}: {name}: expected {count * kind.itemsize} bytes for {shape}, got {size}")
        try:
            with open(path, "rb") as file:
                file.seek(offset)
                values = numpy.frombuffer(file.read(size), kind)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from error
        except ValueError as error:
            raise InputError(f"{path}: {name}: the file ends within it") from error
        if len(values) != count:
            raise InputError(f"{path}: {name}: the file ends within it")
        if dtype == BFLOAT16:
            values = (values.astype(numpy.uint32) << 16).view(numpy.float32)
        tensors[name] = values.reshape(shape)
    return tensors
