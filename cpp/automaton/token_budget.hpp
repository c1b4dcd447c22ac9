// A bound on the tokens that a part of a text is spelled with, as an operand of an intersection: it accepts all bytes,
// and counts the tokens that have at least one of them.
#pragma once

#include <memory>

#include "machine.hpp"

namespace tamis {

// At most `tokens` of them, from 1 to kMostTokens.  One budget for each number, so that equal grammars are equal.
inline constexpr int kMostTokens = 1'000'000'000;
std::shared_ptr<MachineSource> token_budget(int tokens);

}  // namespace tamis
