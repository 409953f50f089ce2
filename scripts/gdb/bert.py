"""What gdb knows of this library: how tensors look, what `step` passes over, and where a lesson stops.

The project's .gdbinit sources this file. For a program elsewhere: gdb -x scripts/gdb/bert.py PROGRAM

    print x              a tensor: its shape, its smallest and largest number, its mean, its rows
    print act            a struct member by member
    print $at(x, 1, 2)   one element
    call peek(x)         the same as print, by the program itself (bert/core/peek.hpp)
    step                 the next line, into the formulas but not into the libraries

If the main file of the program has lines with `// STOP n: what to look at`, it halts at them and says it.
"""

import itertools
import math
import re

import gdb
import gdb.printing

MOST = 12  # rows, and numbers in a row, that are shown
MOST_COUNTED = 1 << 20  # numbers that statistics are taken of
REFERENCES = (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF)
NAMES = {"long": "int64", "long long": "int64"}  # of what is in a tensor

TENSOR = re.compile(r"^xt::xtensor_container<std::vector<")
VECTOR = re.compile(r"^std::(__debug::)?vector<")

# What `step` passes over. In a file's pattern * stops at the next /.
SKIPPED_FOLDERS = ["/usr/include", "/usr/local/include", "/usr/lib/gcc/*/*/include"] + [
    "./" + folder for folder in ("libio", "malloc", "math", "stdio-common", "stdlib", "string")  # of the C library
]
SKIPPED_FILES = [folder + "/*" * depth for folder in SKIPPED_FOLDERS for depth in range(1, 6)] + [
    "*/bert/core/tensor.hpp",
    "*/bert/core/peek.hpp",
    "*/lessons/lesson.hpp",
]
SKIPPED_FUNCTIONS = [
    r"^(std|xt|xtl|__gnu_cxx)::",
    r"^bert::(.*::)?require_",  # checks of shapes
    r"^bert::(.*::)?(HeadTag|[A-Za-z]+Head)<.*>::member",  # a head's member of a model
    r"^bert::([A-Za-z]+Activations|QueryKeyValue)(<.*>)?::~?([A-Za-z]+Activations|QueryKeyValue)[(]",  # constructors that the compiler wrote
    r"^_*(GI_+|ieee754_)?(exp|erf|erfc|log|log1p|pow|sqrt|tanh)(f|l|f32|f64)?(_|$)",
]


class NotATensor(Exception):
    """What stands there can't be a tensor; its text says why."""


class Tensor:
    """A tensor in the program's memory, its numbers as Python's."""

    def __init__(self, value):
        container = value.type.strip_typedefs()
        rank = int(container.template_argument(1))
        storage = value["m_storage"]["_M_impl"]
        self.begin, end, limit = storage["_M_start"], storage["_M_finish"], storage["_M_end_of_storage"]
        self.shape = [int(value["m_shape"]["_M_elems"][axis]) for axis in range(rank)]
        self.count = math.prod(self.shape)
        self.element = self.begin.type.strip_typedefs().target().strip_typedefs()
        if any(size >= 1 << 40 for size in self.shape) or not int(self.begin) <= int(end) <= int(limit):
            raise NotATensor("not built yet")
        if int(end) - int(self.begin) != self.count * self.element.sizeof:
            raise NotATensor("not built yet")

    def numbers(self, first, count):
        """`count` numbers from the place `first` on."""
        size = self.element.sizeof
        try:
            memory = gdb.selected_inferior().read_memory(int(self.begin) + first * size, count * size) if count else b""
        except gdb.MemoryError:
            raise NotATensor("not built yet") from None
        code = self.element.code
        if code == gdb.TYPE_CODE_FLT and size in (4, 8):
            return memoryview(memory).cast("B").cast("f" if size == 4 else "d")
        if code == gdb.TYPE_CODE_INT and size == 8 and self.element.is_signed:
            return memoryview(memory).cast("B").cast("q")
        return [plain(self.begin[first + i]) for i in range(count)]  # long double, and what else there may be

    def row(self, row):
        """The first numbers of a row, as text."""
        columns = self.shape[-1] if self.shape else 1
        numbers = self.numbers(row * columns, min(columns, MOST))
        return "".join("%11s" % number_text(number) for number in numbers) + (" ..." if columns > MOST else "")

    def statistics(self):
        """The smallest and the largest number, the mean; what isn't finite is counted apart."""
        counted = min(self.count, MOST_COUNTED)
        numbers = self.numbers(0, counted)
        if not math.isfinite(sum(numbers)):
            numbers = [number for number in numbers if math.isfinite(number)]
        parts = []
        if len(numbers) > 0:
            mean = math.fsum(numbers) / len(numbers)
            parts += ["min " + number_text(min(numbers)), "max " + number_text(max(numbers)), "mean " + number_text(mean)]
        if len(numbers) < counted:
            parts.append("%d not finite" % (counted - len(numbers)))
        if counted < self.count:
            parts.append("of the first %d numbers" % counted)
        return ", ".join(parts)

    def text(self):
        """The shape, the statistics, the rows: at most MOST of each."""
        title = "tensor %s of %s" % (self.shape, NAMES.get(str(self.element), self.element))
        if self.count == 0:
            return title + (": not resized yet" if not any(self.shape) else ": no numbers")
        lines = [title + ": " + self.statistics()]
        for row, outer in enumerate(itertools.product(*(range(size) for size in self.shape[:-1]))):
            if row == MOST:
                lines.append("...")
                break
            lines.append(("%-8s" % list(outer) if outer else "") + self.row(row))
        return "\n        ".join(lines)


def plain(value):
    return float(value) if value.type.strip_typedefs().code == gdb.TYPE_CODE_FLT else int(value)


def number_text(number):
    return "%d" % number if isinstance(number, int) and abs(number) < 10**9 else "%.5g" % number


def type_name(value_type):
    """A type as the sources write it, as far as tensors go."""
    name = str(value_type.strip_typedefs().unqualified())
    name = re.sub(r"xt::xtensor_container<std::vector<([^,]+),[^>]*> ?>, (\d+)(?:ul)?,[^>]*>", r"bert::Tensor<\1, \2>", name)
    return re.sub(r", std::allocator<.*> ?>$", ">", name)


class Places:
    """The local variables of the selected frame whose lines are still to come: what stands there is garbage."""

    def __init__(self):
        self.key, self.coming = None, []

    def is_to_come(self, address):
        try:
            frame = gdb.selected_frame()
            key = (frame.pc(), frame.level(), int(frame.read_register("sp")))
            if key != self.key:
                self.key, self.coming = key, list(self.find(frame))
        except gdb.error:  # no process
            return False
        return any(begin <= address < end for begin, end in self.coming)

    @staticmethod
    def find(frame):
        line, block = frame.find_sal().line, frame.block()
        while block is not None and not block.is_global and not block.is_static:
            for symbol in block:
                if not symbol.is_variable or symbol.is_argument or symbol.line < line or not symbol.needs_frame:
                    continue
                if symbol.type.strip_typedefs().code in REFERENCES:
                    continue
                address = symbol.value(frame).address
                if address is not None:
                    yield int(address), int(address) + symbol.type.sizeof
            if block.function is not None:
                break
            block = block.superblock


class TextPrinter:
    def __init__(self, text):
        self.text = text

    def to_string(self):
        return self.text


class VectorPrinter:
    """A vector of tensors, or of structs, each with its index."""

    def __init__(self, storage):
        self.begin, self.end = storage["_M_start"], storage["_M_finish"]

    def to_string(self):
        return "vector [%d]" % int(self.end - self.begin)

    def children(self):
        for i in range(int(self.end - self.begin)):
            yield "[%d]" % i, self.begin[i]


places = Places()


def vector_is_built(value):
    try:
        storage = value["_M_impl"]
        begin, end, limit = (storage[name] for name in ("_M_start", "_M_finish", "_M_end_of_storage"))
        size = begin.type.strip_typedefs().target().sizeof
        begin, end, limit = int(begin), int(end), int(limit)
        if not begin <= end <= limit or (end - begin) % size != 0:
            return False
        if begin != end:
            gdb.selected_inferior().read_memory(begin, 1)
            gdb.selected_inferior().read_memory(end - 1, 1)
        return True
    except gdb.MemoryError:
        return False
    except (gdb.error, RuntimeError):  # std::vector<bool>, or not the standard library of g++
        return True


class Printers(gdb.printing.PrettyPrinter):
    """Tensors, and whatever isn't built yet; the rest is left to gdb."""

    def __call__(self, value):
        value_type = value.type.strip_typedefs()
        if value_type.code in REFERENCES:
            try:
                value = value.referenced_value()
                value.fetch_lazy()
            except gdb.MemoryError:
                return TextPrinter("not built yet")
            return self(value)
        if value_type.code not in (gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_UNION):
            return None
        name = value_type.tag or ""
        if value.address is not None and places.is_to_come(int(value.address)):
            return TextPrinter("not built yet")
        if TENSOR.match(name):
            try:
                return TextPrinter(Tensor(value).text())
            except (NotATensor, gdb.MemoryError):
                return TextPrinter("not built yet")
            except gdb.error:  # not the standard library of g++
                return None
        if VECTOR.match(name):
            if not vector_is_built(value):
                return TextPrinter("not built yet")
            if re.match("(bert|xt)::", value_type.template_argument(0).strip_typedefs().tag or ""):
                return VectorPrinter(value["_M_impl"])
        return None


class At(gdb.Function):
    """$at(x, t, h): an element of a tensor."""

    def __init__(self):
        super().__init__("at")

    def invoke(self, value, *index):
        if value.type.code in REFERENCES:
            value = value.referenced_value()
        if not TENSOR.match(value.type.strip_typedefs().tag or ""):
            raise gdb.GdbError("at: expected a tensor, got " + type_name(value.type))
        try:
            if value.address is not None and places.is_to_come(int(value.address)):
                raise NotATensor("not built yet")
            tensor = Tensor(value)
        except (NotATensor, gdb.MemoryError):
            raise gdb.GdbError("at: expected a tensor, got one that is not built yet") from None
        if len(index) != len(tensor.shape):
            raise gdb.GdbError("at: expected %d indices, got %d" % (len(tensor.shape), len(index)))
        place = 0
        for i, size in zip(index, tensor.shape):
            if not 0 <= int(i) < size:
                raise gdb.GdbError("at: expected an index from 0 to %d, got %d" % (size - 1, int(i)))
            place = place * size + int(i)
        return tensor.begin[place]


class Stop(gdb.Breakpoint):
    """A STOP line, which says what to look at when it is reached."""

    def __init__(self, file, line, text):
        super().__init__("%s:%d" % (file, line))
        self.text = text

    def stop(self):
        print("\n>>> " + self.text)
        return True


def stop_at_marked_lines():
    main = gdb.lookup_global_symbol("main")
    if main is None or main.symtab is None:
        return
    source = main.symtab.fullname()
    for old in gdb.breakpoints():
        if isinstance(old, Stop):
            old.delete()
    try:
        with open(source, encoding="utf-8") as file:
            lines = file.readlines()
    except OSError:  # built elsewhere
        return
    for number, line in enumerate(lines, 1):
        marked = re.search(r"// (STOP \d+: .*)", line)
        if marked:
            Stop(source, number, marked.group(1))


def prepare(program):
    """Printers of the program itself are asked before those that come with libstdc++, which fail on garbage."""
    gdb.printing.register_pretty_printer(program, Printers("bert"), replace=True)
    stop_at_marked_lines()


def is_the_program(objfile):
    return objfile.filename is not None and objfile.filename == gdb.current_progspace().filename


def on_new_objfile(event):
    if is_the_program(event.new_objfile):
        prepare(event.new_objfile)


def load():
    for setting in ("print pretty on", "print frame-arguments none", "pagination off", "unwindonsignal on"):
        gdb.execute("set " + setting)
    for pattern in SKIPPED_FILES:
        gdb.execute("skip -gfi " + pattern, to_string=True)
    for pattern in SKIPPED_FUNCTIONS:
        gdb.execute("skip -rfu " + pattern, to_string=True)
    At()
    gdb.events.new_objfile.connect(on_new_objfile)
    for objfile in gdb.objfiles():
        if is_the_program(objfile):
            prepare(objfile)


if not hasattr(gdb, "bert_is_loaded"):  # .gdbinit and an editor may both source this file
    gdb.bert_is_loaded = True
    load()
