package main

import (
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An object never changes: a write puts another one in its place.
type object struct {
	pieces   [][]byte
	size     int64
	version  int64
	modified time.Time
	headers  map[string]string // Content-Type and the like, metadata included
}

// etag names a version: it is no digest, since MD5 would make the server the limit.
func (o *object) etag() string { return fmt.Sprintf("%032x", o.version) }

// write sends the bytes from start to end.
func (o *object) write(w io.Writer, start, end int64) {
	for _, piece := range o.pieces {
		size := int64(len(piece))
		if start < size && end > 0 {
			if _, err := w.Write(piece[max(start, 0):min(end, size)]); err != nil {
				return // the client is gone
			}
		}
		start, end = start-size, end-size
	}
}

type entry struct {
	key string
	*object
}

type upload struct {
	parts   map[string]content
	headers map[string]string
}

// content is bytes in pieces, as they came.
type content struct {
	pieces [][]byte
	size   int64
}

type bucket struct {
	sync.RWMutex
	objects map[string]*object
	uploads map[string]*upload // of S3 by id, of GCS by session, of Azure by key
	version int64
	ordered []entry // for listings; nil once a write or a deletion changed what there is
}

type buckets struct {
	sync.RWMutex
	byName map[string]*bucket
}

func newBuckets() *buckets { return &buckets{byName: map[string]*bucket{}} }

func (b *buckets) create(name string) {
	b.Lock()
	defer b.Unlock()
	b.byName[name] = &bucket{objects: map[string]*object{}, uploads: map[string]*upload{}}
}

func (b *buckets) get(name string) *bucket {
	b.RLock()
	defer b.RUnlock()
	return b.byName[name]
}

func (b *bucket) get(key string) *object {
	b.RLock()
	defer b.RUnlock()
	return b.objects[key]
}

// put stores content if what is there now, nil for nothing, is as the condition wants it.
func (b *bucket) put(
	key string, body content, headers map[string]string, allowed func(*object) bool,
) (*object, bool) {
	b.Lock()
	defer b.Unlock()
	if !allowed(b.objects[key]) {
		return nil, false
	}
	b.version++
	stored := &object{
		pieces: body.pieces, size: body.size, version: b.version,
		modified: time.Now().UTC(), headers: headers,
	}
	b.objects[key], b.ordered = stored, nil
	return stored, true
}

func (b *bucket) delete(key string, allowed func(*object) bool) (found, deleted bool) {
	b.Lock()
	defer b.Unlock()
	there := b.objects[key]
	if there == nil || !allowed(there) {
		return there != nil, false
	}
	delete(b.objects, key)
	b.ordered = nil
	return true, true
}

// list returns up to limit objects in order whose keys are after one, and the last key of a
// page that others follow.
func (b *bucket) list(prefix, after string, limit int) (page []entry, next string) {
	all := b.inOrder()
	first, _ := slices.BinarySearchFunc(all, max(prefix, after), compareKey)
	for _, found := range all[first:] {
		if found.key == after {
			continue
		}
		if !strings.HasPrefix(found.key, prefix) {
			break
		}
		if len(page) == limit {
			return page, page[limit-1].key
		}
		page = append(page, found)
	}
	return page, ""
}

// inOrder returns every object by its key; nothing changes what it returned.
func (b *bucket) inOrder() []entry {
	b.Lock()
	defer b.Unlock()
	if b.ordered == nil {
		b.ordered = make([]entry, 0, len(b.objects))
		for key, stored := range b.objects {
			b.ordered = append(b.ordered, entry{key, stored})
		}
		slices.SortFunc(b.ordered, func(x, y entry) int { return cmp.Compare(x.key, y.key) })
	}
	return b.ordered
}

func compareKey(found entry, key string) int { return cmp.Compare(found.key, key) }

// begin returns the upload of an id, which may have begun before.
func (b *bucket) begin(id string, headers map[string]string) *upload {
	b.Lock()
	defer b.Unlock()
	if b.uploads[id] == nil {
		b.uploads[id] = &upload{map[string]content{}, headers}
	}
	return b.uploads[id]
}

func (b *bucket) upload(id string) *upload {
	b.RLock()
	defer b.RUnlock()
	return b.uploads[id]
}

func (b *bucket) add(to *upload, number string, body content) {
	b.Lock()
	defer b.Unlock()
	to.parts[number] = body
}

// joined returns the parts of an upload, and whether all are there.
func (b *bucket) joined(from *upload, numbers []string) (whole content, complete bool) {
	b.RLock()
	defer b.RUnlock()
	for _, number := range numbers {
		part, there := from.parts[number]
		if !there {
			return content{}, false
		}
		whole.pieces = append(whole.pieces, part.pieces...)
		whole.size += part.size
	}
	return whole, true
}

func (b *bucket) end(id string) {
	b.Lock()
	defer b.Unlock()
	delete(b.uploads, id)
}

func always(*object) bool   { return true }
func isFree(o *object) bool { return o == nil }

func hasETag(etag string) func(*object) bool {
	etag = strings.Trim(etag, `"`)
	return func(o *object) bool { return o != nil && o.etag() == etag }
}

// ifHeaders returns the condition of If-Match and If-None-Match.
func ifHeaders(header http.Header) func(*object) bool {
	if header.Get("If-None-Match") == "*" {
		return isFree
	}
	if etag := header.Get("If-Match"); etag != "" && etag != "*" {
		return hasETag(etag)
	}
	return always
}

const pieceSize = 1 << 20

// read returns a body in one piece, or in many where its length is not known, which is -1.
func read(body io.Reader, length int64) (content, error) {
	if length < 0 {
		return readAll(body, pieceSize)
	}
	data := make([]byte, length)
	_, err := io.ReadFull(body, data)
	return content{[][]byte{data}, length}, err
}

// readAll returns a body in pieces of a size.
func readAll(body io.Reader, size int64) (content, error) {
	var read content
	for {
		data := make([]byte, size)
		n, err := io.ReadFull(body, data)
		read.pieces = append(read.pieces, data[:n])
		read.size += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return read, nil
		}
		if err != nil {
			return content{}, err
		}
	}
}

// kept returns the headers that are stored with an object: those named, and those prefixed.
func kept(header http.Header, prefix string, names ...string) map[string]string {
	found := map[string]string{}
	for name, values := range header {
		if strings.HasPrefix(name, prefix) || slices.Contains(names, name) {
			found[name] = values[0]
		}
	}
	return found
}

// sendObject answers a GET or HEAD, of a range if one is asked for.
func sendObject(w http.ResponseWriter, r *http.Request, stored *object, asked string) {
	header := w.Header()
	for name, value := range stored.headers {
		header.Set(name, value)
	}
	header.Set("ETag", `"`+stored.etag()+`"`)
	header.Set("Last-Modified", stored.modified.Format(http.TimeFormat))
	header.Set("Accept-Ranges", "bytes")
	start, end, status := int64(0), stored.size, http.StatusOK
	if asked != "" {
		start, end = bounds(asked, stored.size)
		if start >= end {
			w.WriteHeader(http.StatusRequestedRangeNotSatisfiable)
			return
		}
		status = http.StatusPartialContent
		header.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", start, end-1, stored.size))
	}
	header.Set("Content-Length", strconv.FormatInt(end-start, 10))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		stored.write(w, start, end)
	}
}

// bounds returns what `bytes=a-b`, `bytes=a-` or `bytes=-n` mean; nothing for anything else.
func bounds(asked string, size int64) (start, end int64) {
	first, last, _ := strings.Cut(strings.TrimPrefix(asked, "bytes="), "-")
	from, err := strconv.ParseInt(first, 10, 64)
	if first == "" {
		from, err = strconv.ParseInt(last, 10, 64)
		return max(size-from, 0), size
	}
	if err != nil {
		return 0, 0
	}
	if to, err := strconv.ParseInt(last, 10, 64); err == nil {
		return from, min(to+1, size)
	}
	return from, size
}
