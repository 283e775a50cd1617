// Receives webhooks of DInsight: `WEBHOOK_SECRET=whsec_... go run receiver.go 8080`. Go 1.19, no dependencies.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	tolerance    = 5 * time.Minute
	maxBodyBytes = 1 << 20
)

type message struct {
	Type string `json:"type"`
	Data struct {
		AlertID  string `json:"alert_id"`
		Version  int    `json:"version"`
		Status   string `json:"status"`
		Severity string `json:"severity"`
		Summary  string `json:"summary"`
	} `json:"data"`
}

var (
	// A real receiver keeps both in its database, in the transaction of what it does about an alert.
	lock     sync.Mutex
	seen     = map[string]bool{}
	versions = map[string]int{}
)

func verified(key []byte, id, timestamp, signatures string, body []byte) bool {
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > tolerance {
		return false
	}
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + timestamp + "."))
	mac.Write(body)
	wanted := []byte("v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	for _, signature := range strings.Split(signatures, " ") {
		if hmac.Equal([]byte(signature), wanted) {
			return true
		}
	}
	return false
}

func handle(id string, got message) string {
	lock.Lock()
	defer lock.Unlock()
	if seen[id] {
		return "seen"
	}
	seen[id] = true
	if got.Type == "test" {
		return "test: " + got.Data.Summary
	}
	if got.Data.Version <= versions[got.Data.AlertID] {
		return "nothing new"
	}
	versions[got.Data.AlertID] = got.Data.Version
	return fmt.Sprintf("%s alert %s: %s", got.Data.Severity, got.Data.Status, got.Data.Summary)
}

func main() {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(os.Getenv("WEBHOOK_SECRET"), "whsec_"))
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(response http.ResponseWriter, request *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(response, request.Body, maxBodyBytes))
		header := request.Header
		id := header.Get("webhook-id")
		if err != nil || !verified(key, id, header.Get("webhook-timestamp"), header.Get("webhook-signature"), body) {
			response.WriteHeader(http.StatusUnauthorized)
			return
		}
		response.WriteHeader(http.StatusNoContent)
		var got message
		if json.Unmarshal(body, &got) == nil {
			fmt.Println(handle(id, got))
		}
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:"+os.Args[1], nil))
}
