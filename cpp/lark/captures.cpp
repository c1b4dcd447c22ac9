#include "captures.hpp"

namespace tamis::lark {

Captures::Id Captures::open(Id captures, std::uint32_t group) {
  Decoded known = decoded(captures);
  known.groups[group] = {kOpened, {}};
  return interned(known);
}

Captures::Id Captures::close(Id captures, std::uint32_t group) {
  Decoded known = decoded(captures);
  known.groups[group].state = kClosed;
  return interned(known);
}

Captures::Id Captures::read(Id captures, CodePoints::Class c, bool repeating) {
  if (captures == kNone) return kNone;
  Decoded known = decoded(captures);
  for (Group& group : known.groups) {
    if (group.state == kOpened) group.text.push_back(c);
  }
  if (repeating) ++known.offset;
  return interned(known);
}

Captures::Id Captures::end_repeat(Id captures) {
  Decoded known = decoded(captures);
  known.offset = 0;
  return interned(known);
}

bool Captures::wanted(Id captures, std::uint32_t group, CodePoints::Class& c) const {
  const Decoded known = decoded(captures);
  if (known.offset >= known.groups[group].text.size()) return false;
  c = known.groups[group].text[known.offset];
  return true;
}

Captures::Decoded Captures::decoded(Id captures) const {
  Decoded known;
  known.groups.resize(group_count_);
  if (captures == kNone) return known;
  const std::uint32_t* word = interned_.begin(captures);
  known.offset = *word++;
  for (Group& group : known.groups) {
    group.state = *word++;
    const std::uint32_t length = *word++;
    group.text.assign(word, word + length);
    word += length;
  }
  return known;
}

Captures::Id Captures::interned(const Decoded& decoded) {
  std::vector<std::uint32_t> words = {decoded.offset};
  for (const Group& group : decoded.groups) {
    words.push_back(group.state);
    words.push_back(static_cast<std::uint32_t>(group.text.size()));
    words.insert(words.end(), group.text.begin(), group.text.end());
  }
  return interned_.intern(words);
}

}  // namespace tamis::lark
