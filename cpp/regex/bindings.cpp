#include "bindings.hpp"

#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <tuple>

#include "source.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace tamis {
namespace {

using Operands = std::tuple<int, int, int, int, int>;
using LoopOperands = std::tuple<int, int, bool, int, int, int>;
using Foldings = std::vector<std::pair<std::uint32_t, std::vector<std::uint32_t>>>;

int checked(int value, int count, const char* what) {
  if (value < 0 || value >= count) throw CompileError(std::string("no such ") + what + ": " + std::to_string(value));
  return value;
}

std::shared_ptr<MachineSource> make(const std::vector<Operands>& code, std::vector<CharSet> sets,
                                    const std::vector<LoopOperands>& loops, const std::vector<Foldings>& folds,
                                    int groups, bool search, bool anchored, int codec) {
  regex::Program program;
  for (const auto& [op, a, b, c, d] : code) {
    program.code.push_back({static_cast<regex::Op>(checked(op, regex::kOps, "instruction")), a, b, c, d});
  }
  for (CharSet& set : sets) program.sets.emplace_back(normalised(std::move(set)));
  for (const auto& [least, most, lazy, rounds, body, exit] : loops) {
    const auto empty_rounds = static_cast<regex::EmptyRounds>(checked(rounds, 3, "treatment of empty rounds"));
    program.loops.push_back({least, most, lazy, empty_rounds, body, exit});
  }
  for (const Foldings& foldings : folds) {
    regex::Fold& fold = program.folds.emplace_back();
    for (const auto& [from, to] : foldings) fold.emplace(from, regex::Folding(to.begin(), to.end()));
  }
  program.groups = groups;
  program.search = search;
  program.anchored = anchored;
  return regex::regex_source(std::move(program), static_cast<Codec>(checked(codec, 3, "codec")));
}

}  // namespace

void bind_regex(nb::module_& m) {
  m.def("regex_machine", &make, "code"_a, "sets"_a, "loops"_a, "folds"_a, "groups"_a, "search"_a, "anchored"_a,
        "codec"_a,
        "The machine of a regular expression's program: instructions (operation, a, b, c, d), sets of characters as "
        "inclusive ranges, loops (least, most, lazy, how a round that matches nothing ends, body, exit), foldings of "
        "characters and the number of groups.");
}

}  // namespace tamis
