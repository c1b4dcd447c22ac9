#include "bindings.hpp"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <memory>
#include <tuple>

#include "machine.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace tamis::lark {

namespace {

using Patterns = std::vector<std::pair<Type, Address>>;

std::vector<Pattern> patterns(const Patterns& pairs) {
  std::vector<Pattern> made;
  for (const auto& [type, entry] : pairs) made.push_back({type, entry});
  return made;
}

std::shared_ptr<MachineSource> make_source(
    const std::tuple<std::vector<CodePoints::Ranges>, CodePoints::Ranges,
                     std::vector<std::pair<std::uint32_t, std::uint32_t>>>& characters,
    const std::tuple<std::vector<std::tuple<std::uint8_t, std::uint32_t, Address, Address>>,
                     std::vector<std::pair<Address, bool>>, std::vector<Address>>& program,
    std::vector<bool> ignored, const std::vector<std::pair<Patterns, std::vector<std::pair<Type, Patterns>>>>& lexers,
    const std::vector<std::tuple<std::uint32_t, std::vector<std::pair<Type, std::int32_t>>,
                                 std::vector<std::pair<std::uint32_t, std::uint32_t>>>>& states,
    const std::vector<std::pair<std::uint32_t, std::uint32_t>>& rules,
    const std::tuple<std::uint32_t, std::uint32_t, Type>& ends,
    const std::optional<std::tuple<Type, std::vector<Type>, std::vector<Type>, Type, Type, std::uint32_t>>& indenter,
    std::vector<std::string> type_names, std::vector<std::vector<std::pair<std::string, std::uint32_t>>> state_rules) {
  Tables tables;
  std::tie(tables.sets, tables.captured, tables.folds) = characters;
  for (const auto& [op, a, b, c] : std::get<0>(program)) {
    tables.program.push_back({static_cast<Instruction::Op>(op), a, b, c});
  }
  for (const auto& [entry, ahead] : std::get<1>(program)) tables.looks.push_back({entry, ahead});
  tables.atomics = std::get<2>(program);
  tables.ignored = std::move(ignored);
  for (const auto& [terminals, unless] : lexers) {
    Lexer& lexer = tables.lexers.emplace_back();
    lexer.terminals = patterns(terminals);
    for (const auto& [type, keywords] : unless) lexer.unless.push_back({type, patterns(keywords)});
  }
  for (const auto& [lexer, actions, gotos] : states) tables.states.push_back({lexer, actions, gotos});
  for (const auto& [origin, length] : rules) tables.rules.push_back({origin, length});
  std::tie(tables.start_state, tables.end_state, tables.end) = ends;
  if (indenter) {
    const auto& [newline, open, close, indent, dedent, tab_length] = *indenter;
    tables.indenter = Indenter{newline, indent, dedent, open, close, tab_length};
  }
  tables.type_names = std::move(type_names);
  tables.state_rules = std::move(state_rules);
  const nb::gil_scoped_release release;
  return std::make_shared<LarkSource>(std::move(tables));
}

}  // namespace

void bind(nb::module_& module) {
  module.def(
      "lark_source", &make_source, "characters"_a, "program"_a, "ignored"_a, "lexers"_a, "states"_a, "rules"_a,
      "ends"_a, "indenter"_a.none(), "type_names"_a = std::vector<std::string>{},
      "state_rules"_a = std::vector<std::vector<std::pair<std::string, std::uint32_t>>>{},
      "A lark grammar as a machine; the arguments are those of lark/tables.hpp. ValueError where they do not hold "
      "together.");
}

}  // namespace tamis::lark
