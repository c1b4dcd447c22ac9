#include "unicode.hpp"

#include <algorithm>
#include <iterator>
#include <unordered_map>

namespace tamis::formats {
namespace {

struct Run {
  std::uint32_t first;
  std::uint32_t value;
};
struct Composite {
  std::uint32_t whole;
  std::uint32_t first;
  std::uint32_t second;
};

#include "unicode_tables.inc"

const Run* run_of(char32_t code) {
  return std::upper_bound(std::begin(kRuns), std::end(kRuns), code,
                          [](char32_t c, const Run& run) { return c < run.first; }) -
         1;
}

const std::unordered_map<std::uint64_t, char32_t>& compositions() {
  static const auto made = [] {
    std::unordered_map<std::uint64_t, char32_t> map;
    for (const Composite& c : kComposites) map.emplace(static_cast<std::uint64_t>(c.first) << 32 | c.second, c.whole);
    return map;
  }();
  return made;
}

void decompose(char32_t code, std::u32string& into) {
  const auto* const found = std::lower_bound(std::begin(kComposites), std::end(kComposites), code,
                                             [](const Composite& c, char32_t whole) { return c.whole < whole; });
  if (found == std::end(kComposites) || found->whole != code) {
    into += code;
    return;
  }
  decompose(found->first, into);
  into += static_cast<char32_t>(found->second);
}

}  // namespace

Properties properties(char32_t code) {
  const std::uint32_t value = run_of(code)->value;
  return {static_cast<Status>(value & 3U),       (value >> 2 & 1U) != 0,
          static_cast<Joining>(value >> 3 & 7U), static_cast<Script>(value >> 6 & 3U),
          static_cast<Bidi>(value >> 8 & 15U),   static_cast<std::uint8_t>(value >> 12)};
}

// Decomposed, put in canonical order and composed again it is the same (Unicode, chapter 3.11).
bool is_nfc(std::u32string_view text) {
  std::u32string parts;
  for (const char32_t code : text) decompose(code, parts);
  const auto class_of = [](char32_t code) { return properties(code).combining_class; };
  for (auto from = parts.begin(); from != parts.end();) {
    const auto to = std::find_if(from, parts.end(), [&](char32_t code) { return class_of(code) == 0; });
    std::stable_sort(from, to, [&](char32_t a, char32_t b) { return class_of(a) < class_of(b); });
    from = to == parts.end() ? to : to + 1;
  }
  std::u32string composed;
  std::size_t starter = std::u32string::npos;
  int last_class = -1;  // of what stands between the starter and here; -1: nothing
  for (const char32_t code : parts) {
    const int combining = class_of(code);
    if (starter != std::u32string::npos && last_class < combining) {
      const auto whole = compositions().find(static_cast<std::uint64_t>(composed[starter]) << 32 | code);
      if (whole != compositions().end()) {
        composed[starter] = whole->second;
        continue;
      }
    }
    if (combining == 0) {
      starter = composed.size();
      last_class = -1;
    } else {
      last_class = combining;
    }
    composed += code;
  }
  return composed == text;
}

}  // namespace tamis::formats
