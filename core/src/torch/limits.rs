//! What the reader accepts at most, each with its reason. Real files stay far below; hostile ones end here.

/// Bytes that the pickles of one file may make the reader hold, counted while they run; the true peak is about twice
/// that. A whole pickled DenseNet-121 counts 3 MB, a list of a million floats 88 MB; a file of 100 MB of one-byte
/// instructions would ask for several GB.
pub(super) const MEMORY: usize = 128 << 20;

/// Counted for one instruction of a pickle: its place on the stack.
pub(super) const OPCODE_COST: usize = 16;

/// Counted for one value of a pickle.
pub(super) const VALUE_COST: usize = 64;

/// Counted for a tensor or object on top, which are kept in boxes of their own.
pub(super) const BOX_COST: usize = 128;

/// Counted for one place to remember a value.
pub(super) const MEMO_COST: usize = 8;

/// Depth of values within values. A module within a module takes three levels, so this holds 80 modules within each
/// other, and a thread's stack of 2 MB holds a recursive walk.
pub(super) const DEPTH: u32 = 256;

/// Values of the tree when every shared value is counted as often as it is reached (64 bytes of text count as one
/// more). It makes any plain recursive walk short, also over a "billion laughs" file.
pub(super) const TREE: u64 = 5_000_000;

/// Tensors that one file may name, and entries of its container; a ViT-L has 300, a DenseNet-121 has 727.
pub(super) const NAMES: usize = 100_000;

/// Bytes of one tensor's name; real names have fewer than 100.
pub(super) const NAME_BYTES: usize = 1024;

/// Dimensions of a tensor, PyTorch's own limit.
pub(super) const DIMENSIONS: usize = 64;

/// Elements of a tensor that repeats its storage by a stride of 0 (`expand`), beyond what the storage holds: a
/// position index or mask fits, a one-element storage cannot ask for terabytes.
pub(super) const REPEATED_ELEMENTS: usize = 1 << 24;
