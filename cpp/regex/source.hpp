// Regular expressions that no automaton can decide, as machines: a state is the text read so far.
#pragma once

#include <memory>

#include "../automaton/machine.hpp"
#include "program.hpp"

namespace tamis::regex {

// The machine of a program over texts that the codec spells.  A prefix is kept as long as the matcher finds that a
// longer text may match.  Throws CompileError for a program that is not well-formed.
std::shared_ptr<MachineSource> regex_source(Program program, Codec codec);

}  // namespace tamis::regex
