# For stepping through a lesson, or any program that uses bert:
#   cmake --preset dev && cmake --build --preset dev --target lesson_03_self_attention
#   gdb -x examples/lessons/lessons.gdb build/dev/lessons/03_self_attention
# then `run`. The program halts at every `// STOP` line. `p x` shows a tensor as its shape and rows, `p $at(x, 1, 2)` one
# element; `step` goes into the formulas, but not into the libraries; `finish` leaves a function, `continue` goes on.

set print pretty on
set print frame-arguments none
set pagination off

# What `step` passes over: the libraries, checks of shapes, and the lessons' own printing.
skip -gfi /usr/include/*
skip -gfi /usr/include/*/*
skip -gfi /usr/include/*/*/*
skip -gfi */bert/core/tensor.hpp
skip -gfi */lessons/lesson.hpp
skip -rfu ^(std|xt|xtl|__gnu_cxx)::
skip -rfu ^_*(GI_+|ieee754_)?(exp|erf|erfc|log|log1p|pow|sqrt|tanh)(f|l|f32|f64)?(_|$)

python
import itertools, math, re
import gdb, gdb.printing


def shape_of(tensor):
    sizes = tensor["m_shape"]["_M_elems"]
    first, last = sizes.type.strip_typedefs().range()
    return [int(sizes[i]) for i in range(first, last + 1)]


def elements_of(tensor):
    """A pointer to the first element, and how many there are."""
    storage = tensor["m_storage"]["_M_impl"]
    begin, end = storage["_M_start"], storage["_M_finish"]
    return begin, int(end - begin)


class TensorPrinter:
    """A tensor as its shape and rows: at most 12 of each."""

    most = 12

    def __init__(self, tensor):
        self.tensor = tensor

    def to_string(self):
        shape = shape_of(self.tensor)
        begin, count = elements_of(self.tensor)
        title = "tensor " + str(shape)
        if count == 0 or count != math.prod(shape):  # garbage stands where a variable's own line has not been reached
            return title + " that holds nothing"
        lines = []
        columns = shape[-1]
        for row, outer in enumerate(itertools.product(*(range(size) for size in shape[:-1]))):
            if row == self.most:
                lines.append("...")
                break
            numbers = ["%11.5g" % float(begin[row * columns + i]) for i in range(min(columns, self.most))]
            label = "%-8s" % list(outer) if outer else ""
            lines.append(label + "".join(numbers) + (" ..." if columns > self.most else ""))
        return "\n    ".join([title] + lines)


class At(gdb.Function):
    """$at(x, t, h): an element of a tensor."""

    def __init__(self):
        super().__init__("at")

    def invoke(self, tensor, *index):
        if tensor.type.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
            tensor = tensor.referenced_value()
        shape = shape_of(tensor)
        if len(index) != len(shape):
            raise gdb.GdbError("at: expected %d indices, got %d" % (len(shape), len(index)))
        place = 0
        for i, size in zip(index, shape):
            if not 0 <= int(i) < size:
                raise gdb.GdbError("at: expected 0 to %d, got %d" % (size - 1, int(i)))
            place = place * size + int(i)
        return elements_of(tensor)[0][place]


class Stop(gdb.Breakpoint):
    """A STOP line, which says what to look at when it is reached."""

    def __init__(self, file, line, text):
        super().__init__("%s:%d" % (file, line))
        self.text = text

    def stop(self):
        print("\n>>> " + self.text)
        return True


printers = gdb.printing.RegexpCollectionPrettyPrinter("bert")
printers.add_printer("tensor", "^xt::xtensor_container<", TensorPrinter)
gdb.printing.register_pretty_printer(None, printers, replace=True)
At()

main = gdb.lookup_global_symbol("main")
if main is not None and main.symtab is not None:
    source = main.symtab.fullname()
    with open(source, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            stop = re.search(r"// (STOP \d+: .*)", line)
            if stop:
                Stop(source, number, stop.group(1))
end
