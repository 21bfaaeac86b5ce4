#include "protocol/deep/datagram_table.h"

#include <algorithm>
#include <bit>

#include "base/assert.h"

namespace weir::protocol {

DatagramTable::DatagramTable(std::uint32_t datagrams_max, std::uint64_t seed)
    : hash_(seed),
      datagrams_max_(datagrams_max),
      bucket_mask_(std::bit_ceil(datagrams_max) - 1),
      buckets_(std::make_unique_for_overwrite<std::uint32_t[]>(bucket_mask_ + std::size_t{1})),
      datagrams_(std::make_unique<PartialDatagram[]>(datagrams_max)) {
  std::fill_n(buckets_.get(), bucket_mask_ + std::size_t{1}, kNone);
  for (std::uint32_t i = datagrams_max; i-- > 0;) {
    datagrams_[i].next_in_chain = free_;
    free_ = i;
  }
}

PartialDatagram* DatagramTable::find(const FragmentKey& key) noexcept {
  PartialDatagram* datagram = at(bucket_of(key));
  while (datagram != nullptr && !(datagram->key == key)) datagram = at(datagram->next_in_chain);
  return datagram;
}

PartialDatagram* DatagramTable::in_the_way_of(const FragmentKey& key) noexcept {
  if (count_ == datagrams_max_) return oldest();
  // New ones are put in front, so the last of a chain is its oldest.
  std::uint32_t length = 0;
  PartialDatagram* last = nullptr;
  for (PartialDatagram* datagram = at(bucket_of(key)); datagram != nullptr;
       datagram = at(datagram->next_in_chain)) {
    last = datagram;
    ++length;
  }
  return length < kChainMax ? nullptr : last;
}

PartialDatagram& DatagramTable::insert(const FragmentKey& key, Timestamp now) noexcept {
  WEIR_DEBUG_ASSERT(count_ < datagrams_max_ && find(key) == nullptr);
  const std::uint32_t index = free_;
  PartialDatagram& datagram = datagrams_[index];
  free_ = datagram.next_in_chain;
  datagram = {};
  datagram.pages.fill(FragmentPagePool::kNone);
  datagram.key = key;
  datagram.began = now;

  std::uint32_t& bucket = bucket_of(key);
  datagram.next_in_chain = bucket;
  bucket = index;

  datagram.older = newest_;
  datagram.newer = kNone;
  (newest_ == kNone ? oldest_ : datagrams_[newest_].newer) = index;
  newest_ = index;
  ++count_;
  return datagram;
}

void DatagramTable::erase(PartialDatagram& datagram) noexcept {
  const auto index = static_cast<std::uint32_t>(&datagram - datagrams_.get());
  std::uint32_t* link = &bucket_of(datagram.key);
  while (*link != index) link = &datagrams_[*link].next_in_chain;
  *link = datagram.next_in_chain;

  (datagram.older == kNone ? oldest_ : datagrams_[datagram.older].newer) = datagram.newer;
  (datagram.newer == kNone ? newest_ : datagrams_[datagram.newer].older) = datagram.older;

  datagram.next_in_chain = free_;
  free_ = index;
  --count_;
}

}  // namespace weir::protocol
