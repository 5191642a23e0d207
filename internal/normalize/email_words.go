package normalize

import "strings"

// set makes a lookup table of blank-separated words.
func set(words ...string) map[string]struct{} {
	m := make(map[string]struct{})
	for _, line := range words {
		for w := range strings.FieldsSeq(line) {
			m[w] = struct{}{}
		}
	}
	return m
}

// freeMail lists the mailbox providers that make up nearly all consumer
// addresses; a provider that is missing only weakens a match key.
var freeMail = set(
	`gmail.com googlemail.com yahoo.com yahoo.co.uk yahoo.fr yahoo.de yahoo.es yahoo.it yahoo.ca yahoo.in
	yahoo.co.in yahoo.com.br yahoo.com.mx yahoo.com.ar yahoo.com.au yahoo.co.jp yahoo.com.sg yahoo.com.ph
	yahoo.co.id ymail.com rocketmail.com hotmail.com hotmail.co.uk hotmail.fr hotmail.de hotmail.es
	hotmail.it hotmail.ca hotmail.com.br hotmail.se hotmail.nl hotmail.be outlook.com outlook.fr outlook.de
	outlook.es outlook.it outlook.com.br outlook.in outlook.jp live.com live.co.uk live.fr live.de live.nl
	live.it live.ca live.se live.dk live.com.mx msn.com passport.com windowslive.com`,
	`icloud.com me.com mac.com aol.com aol.co.uk aol.de aim.com protonmail.com protonmail.ch proton.me pm.me
	tutanota.com tutanota.de tuta.com tuta.io zoho.com zohomail.com mail.com email.com gmx.com gmx.de gmx.net
	gmx.at gmx.ch gmx.fr gmx.us web.de freenet.de t-online.de arcor.de online.de mailbox.org posteo.de
	posteo.net fastmail.com fastmail.fm hushmail.com hey.com inbox.com mail.ru bk.ru list.ru inbox.ru
	internet.ru yandex.ru yandex.com ya.ru rambler.ru ukr.net i.ua qq.com 163.com 126.com yeah.net sina.com
	sina.cn sohu.com foxmail.com aliyun.com 139.com naver.com daum.net hanmail.net nate.com`,
	`orange.fr wanadoo.fr free.fr sfr.fr laposte.net neuf.fr bbox.fr numericable.fr libero.it virgilio.it
	alice.it tin.it tiscali.it tiscali.co.uk fastwebnet.it email.it btinternet.com btopenworld.com
	virginmedia.com ntlworld.com blueyonder.co.uk talktalk.net sky.com o2.co.uk comcast.net verizon.net
	att.net sbcglobal.net bellsouth.net cox.net charter.net earthlink.net optonline.net juno.com
	rogers.com shaw.ca sympatico.ca telus.net videotron.ca bigpond.com bigpond.net.au optusnet.com.au
	iinet.net.au xtra.co.nz bluewin.ch hispeed.ch sunrise.ch chello.at aon.at a1.net telenet.be skynet.be
	ziggo.nl kpnmail.nl planet.nl hetnet.nl xs4all.nl home.nl telefonica.net terra.es terra.com.br
	uol.com.br bol.com.br ig.com.br globo.com globomail.com sapo.pt seznam.cz centrum.cz email.cz volny.cz
	wp.pl o2.pl onet.pl interia.pl gazeta.pl abv.bg mail.bg telia.com spray.se bredband.net online.no
	rediffmail.com indiatimes.com sify.com docomo.ne.jp ezweb.ne.jp softbank.ne.jp nifty.com walla.co.il`,
)

var roleMailboxes = set(
	`abuse account accounting accounts accountspayable accountsreceivable admin administration administrator
	all ap ar billing board bookings bookkeeping business buchhaltung careers commercial comms communications
	compliance compras compta comptabilite contact contacto contacts contactus contact-us customercare
	customerservice customer-service customersupport datenschutz data-protection desk dev developers devops
	dpo einkauf employment enquiries enquiry events everyone facilities feedback finance frontdesk general
	germany hallo hello help helpdesk hi hola hostmaster hr human-resources info information infos inquiries
	inquiry invest investor investors invoice invoices it jobs kontakt legal mail mailbox mailer-daemon
	manager marketing media membership news newsletter no-reply nobody noc noreply office operations ops
	order orders partner partners payroll personal post postmaster pr press presse privacy procurement
	purchasing rechnung recruiting recruitment reception redaktion register reservations root sales
	security service services shop staff studio subscribe success support sysadmin talent team tech
	technical test unsubscribe usenet uucp vendas ventas verkauf vertrieb web webmaster welcome www`,
)
