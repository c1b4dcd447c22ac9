// Where in its grammar an automaton stands, for people who ask why a text was refused.
//
// The names are those of labelled rules (see Grammar::label): only they keep states of their own.
#pragma once

#include <bitset>
#include <string>
#include <vector>

#include "automaton.hpp"

namespace tamis {

struct Place {
  std::vector<std::string> rules;     // under way and not through, the outermost first
  std::bitset<256> next;              // the bytes that may come here
  std::vector<std::string> expected;  // what may come here as machines name it
  std::vector<std::string> refusals;  // why the next byte cannot, where a part of a combination refuses it
};

}  // namespace tamis
