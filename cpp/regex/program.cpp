#include "program.hpp"

#include <algorithm>

namespace tamis::regex {

CodePoints::CodePoints(CharSet ranges) : ranges_(std::move(ranges)) {
  for (const auto& [low, high] : ranges_) {
    for (std::uint32_t code = low; code <= high && code < 128; ++code) {
      ascii_[code >> 6] |= std::uint64_t{1} << (code & 63);
    }
  }
}

bool CodePoints::contains_beyond_ascii(std::uint32_t code) const {
  const auto above =
      std::upper_bound(ranges_.begin(), ranges_.end(), code,
                       [](std::uint32_t value, const CodePointRange& range) { return value < range.first; });
  return above != ranges_.begin() && code <= std::prev(above)->second;
}

void Program::check() const {
  const auto expect = [](bool holds) {
    if (!holds) throw CompileError("a regular expression's program has an operand out of range");
  };
  const auto below = [&](std::int32_t index, std::size_t count) {
    expect(index >= 0 && static_cast<std::size_t>(index) < count);
  };
  const auto target = [&](std::int32_t pc) { below(pc, code.size()); };
  expect(!code.empty() && groups >= 0);
  for (const Loop& loop : loops) {
    target(loop.body);
    target(loop.exit);
    expect(loop.least >= 0 && (loop.most < 0 || loop.most >= loop.least));
  }
  for (const Instruction& i : code) {
    switch (i.op) {
      case Op::kChar:
      case Op::kChars:
        below(i.a, sets.size());
        break;
      case Op::kSplit:
      case Op::kJump:
      case Op::kCall:
        target(i.a);
        break;
      case Op::kClose:
      case Op::kForget:
        below(i.a, static_cast<std::size_t>(groups));
        break;
      case Op::kBackreference:
        below(i.a, static_cast<std::size_t>(groups));
        if (i.c >= 0) below(i.c, folds.size());
        break;
      case Op::kAssert:
        below(i.a, kAssertions);
        below(i.b, sets.size());
        break;
      case Op::kIfGroup:
        below(i.a, static_cast<std::size_t>(groups));
        target(i.b);
        break;
      case Op::kLook:
        if (i.a >= 0) target(i.a);
        if (i.b >= 0) target(i.b);
        break;
      case Op::kLoop:
      case Op::kLoopEnd:
        below(i.a, loops.size());
        break;
      default:
        break;
    }
  }
  // Execution never runs off the end.
  const Op last = code.back().op;
  expect(last == Op::kMatch || last == Op::kReturn || last == Op::kJump || last == Op::kFail);
}

}  // namespace tamis::regex
