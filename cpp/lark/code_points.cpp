#include "code_points.hpp"

#include <algorithm>
#include <map>
#include <stdexcept>

namespace tamis::lark {

namespace {

constexpr std::uint32_t kEnd = 0x110000;
constexpr std::uint32_t kSurrogates = 0xD800;
constexpr std::uint32_t kAfterSurrogates = 0xE000;
constexpr std::size_t kMaxMembers = std::size_t{1} << 28;

std::uint32_t span(unsigned more) { return 1U << (6 * more); }

}  // namespace

CodePoints::CodePoints(const std::vector<Ranges>& sets, const Ranges& apart) {
  cut(sets, apart);
  rows_.intern({});  // the boundary's number
  readings_.resize(256);
  possible_.resize(1);
  // Overlong spellings, surrogates and what is beyond Unicode are no characters.
  for (std::uint32_t byte = 0; byte < 0x80; ++byte) lead(byte, byte, 0, 0);
  for (std::uint32_t byte = 0xC2; byte < 0xE0; ++byte) lead(byte, (byte & 0x1F) << 6, 1, 0x80);
  for (std::uint32_t byte = 0xE0; byte < 0xF0; ++byte) lead(byte, (byte & 0x0F) << 12, 2, 0x800);
  for (std::uint32_t byte = 0xF0; byte < 0xF5; ++byte) lead(byte, (byte & 0x07) << 18, 3, 0x10000);
}

void CodePoints::lead(std::uint32_t byte, std::uint32_t first, unsigned more, std::uint32_t least) {
  const Reading reading = reading_for(first, more, least);  // may make places, and so move the readings
  readings_[byte] = reading;
}

void CodePoints::cut(const std::vector<Ranges>& sets, const Ranges& apart) {
  struct Event {
    std::uint32_t at;
    bool begins;
    std::uint32_t set;
  };
  std::vector<Event> events;
  std::vector<std::uint32_t> edges = {0, kSurrogates, kAfterSurrogates};
  const auto checked = [](const std::pair<std::uint32_t, std::uint32_t>& range) {
    if (range.first > range.second || range.second >= kEnd) throw std::invalid_argument("a range outside of Unicode");
    return range;
  };
  for (std::uint32_t set = 0; set < sets.size(); ++set) {
    for (const auto& range : sets[set]) {
      const auto [low, high] = checked(range);
      events.push_back({low, true, set});
      events.push_back({high + 1, false, set});
      edges.push_back(low);
      edges.push_back(high + 1);
    }
  }
  for (const auto& range : apart) {
    const auto [low, high] = checked(range);
    for (std::uint32_t c = low; c <= high + 1; ++c) edges.push_back(c);
  }
  std::sort(edges.begin(), edges.end());
  edges.erase(std::unique(edges.begin(), edges.end()), edges.end());
  if (edges.back() == kEnd) edges.pop_back();
  std::sort(events.begin(), events.end(), [](const Event& a, const Event& b) { return a.at < b.at; });

  Interner<std::uint32_t> signatures;
  std::map<std::uint32_t, std::uint32_t> inside;  // set -> how many of its ranges are open
  std::vector<std::vector<std::uint32_t>> sets_of_class;
  std::size_t event = 0;
  std::size_t alone = 0;  // the first range of `apart` that does not end before the edge
  std::size_t work = 0;
  for (const std::uint32_t edge : edges) {
    for (; event < events.size() && events[event].at <= edge; ++event) {
      std::uint32_t& open = inside[events[event].set];
      open += events[event].begins ? 1 : -1;
      if (open == 0) inside.erase(events[event].set);
    }
    if (edge >= kSurrogates && edge < kAfterSurrogates) {
      cells_.push_back({edge, -1});
      continue;
    }
    while (alone < apart.size() && apart[alone].second < edge) ++alone;
    std::vector<std::uint32_t> signature;
    for (const auto& [set, count] : inside) signature.push_back(set);
    work += signature.size();
    if (work > kMaxMembers) throw std::invalid_argument("too many sets of characters");
    std::vector<std::uint32_t> key = signature;
    if (alone < apart.size() && apart[alone].first <= edge) key.push_back(0x80000000U | edge);
    const std::uint32_t id = signatures.intern(key);
    if (id == sets_of_class.size()) sets_of_class.push_back(std::move(signature));
    cells_.push_back({edge, static_cast<std::int32_t>(id)});
  }
  class_count_ = sets_of_class.size();
  if (sets.size() > kMaxMembers / class_count_) throw std::invalid_argument("too many sets of characters");
  members_.resize(sets.size() * class_count_);
  for (std::size_t c = 0; c < class_count_; ++c) {
    for (const std::uint32_t set : sets_of_class[c]) members_[set * class_count_ + c] = true;
  }
}

const CodePoints::Cell& CodePoints::cell_of(std::uint32_t code_point) const {
  const auto after = std::upper_bound(cells_.begin(), cells_.end(), code_point,
                                      [](std::uint32_t c, const Cell& cell) { return c < cell.first; });
  return *std::prev(after);
}

CodePoints::Class CodePoints::class_of(std::uint32_t code_point) const {
  return static_cast<Class>(cell_of(code_point).value);
}

CodePoints::Reading CodePoints::reading_for(std::uint32_t first, unsigned more, std::uint32_t least) {
  if (first + span(more) <= least || first >= kEnd) return {};
  if (more > 0) {
    const Place place = place_for(first, more, least);
    return place == kBoundary ? Reading{} : Reading{Reading::Kind::kInside, place};
  }
  const std::int32_t value = cell_of(first).value;
  return value < 0 ? Reading{} : Reading{Reading::Kind::kComplete, static_cast<std::uint32_t>(value)};
}

CodePoints::Place CodePoints::place_for(std::uint32_t first, unsigned more, std::uint32_t least) {
  // Most places see one class alone, and are made once for each.
  std::uint64_t uniform = 0;
  const Cell* cell = &cell_of(first);
  const std::uint32_t last = first + span(more) - 1;
  if (first >= least && last < kEnd && (cell == &cells_.back() || cell[1].first > last)) {
    uniform = (static_cast<std::uint64_t>(cell->value + 1) << 2 | more) + 1;
    if (const auto known = uniform_.find(uniform); known != uniform_.end()) return known->second;
  }
  std::array<Reading, 64> row;
  for (std::uint32_t i = 0; i < 64; ++i) row[i] = reading_for(first + i * span(more - 1), more - 1, least);
  const Place place = interned(row);
  if (uniform != 0) uniform_.emplace(uniform, place);
  return place;
}

CodePoints::Place CodePoints::interned(const std::array<Reading, 64>& row) {
  std::vector<std::uint64_t> words;
  bool is_possible = false;
  for (const Reading& r : row) {
    words.push_back(static_cast<std::uint64_t>(r.kind) << 32 | r.value);
    is_possible |= r.kind != Reading::Kind::kInvalid;
  }
  if (!is_possible) return kBoundary;
  const Place place = rows_.intern(words);
  if (place == possible_.size()) {
    readings_.resize((place + 1) * 256);
    std::copy(row.begin(), row.end(), readings_.begin() + place * 256 + 0x80);
    std::vector<Class> classes;
    for (const Reading& r : row) {
      if (r.kind == Reading::Kind::kComplete) classes.push_back(r.value);
      if (r.kind == Reading::Kind::kInside) {
        classes.insert(classes.end(), possible_[r.value].begin(), possible_[r.value].end());
      }
    }
    std::sort(classes.begin(), classes.end());
    classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
    possible_.push_back(std::move(classes));
  }
  return place;
}

void CodePoints::mark_byte_classes(std::bitset<257>& starts) const {
  starts.set(0);
  starts.set(256);
  for (std::size_t place = 0; place < possible_.size(); ++place) {
    for (std::size_t byte = 1; byte < 256; ++byte) {
      const Reading& a = readings_[place * 256 + byte - 1];
      const Reading& b = readings_[place * 256 + byte];
      if (a.kind != b.kind || a.value != b.value) starts.set(byte);
    }
  }
}

}  // namespace tamis::lark
